/**
 * Every metric there is, as one table: what the code may tell, what `/metrics` shows, what dashboards and alerts may name,
 * and the reference page are all held against it. Names and units are Prometheus's: base units, counters end in `_total`.
 * A label's values come from definitions, outcomes and settings, never from what somebody sends (B110).
 */

export interface MetricSpecification {
  /** As Prometheus shows it; a histogram adds `_bucket`, `_sum` and `_count`. */
  readonly name: `sagamore_${string}`;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** Of the value: `seconds`, or what is counted. */
  readonly unit: string;
  readonly labels: readonly string[];
  readonly meaning: string;
}

const transaction = ['definition', 'protocol'] as const;
const step = ['definition', 'step', 'operation'] as const;

export const metricCatalogue = {
  transactionsStarted: {
    name: 'sagamore_transactions_started_total',
    kind: 'counter',
    unit: 'transactions',
    labels: transaction,
    meaning: 'Begun, told AFTER the commit that says so',
  },
  transactionsEnded: {
    name: 'sagamore_transactions_ended_total',
    kind: 'counter',
    unit: 'transactions',
    labels: [...transaction, 'outcome'],
    meaning: 'Came to their end, by how; a child that is held for its parent counts as ended',
  },
  transactionDuration: {
    name: 'sagamore_transaction_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: [...transaction, 'outcome'],
    meaning: 'From the beginning to the end, waits included',
  },
  transactionsParkings: {
    name: 'sagamore_transactions_parkings_total',
    kind: 'counter',
    unit: 'transactions',
    labels: [...transaction, 'reason'],
    meaning: 'Came to rest until a person acts, by why',
  },
  transactionsParked: {
    name: 'sagamore_transactions_parked',
    kind: 'gauge',
    unit: 'transactions',
    labels: ['definition'],
    meaning: 'At rest until a person acts, on the shards that this process holds',
  },
  transactionsInMemory: {
    name: 'sagamore_transactions_in_memory',
    kind: 'gauge',
    unit: 'transactions',
    labels: [],
    meaning: 'Moving ones that this process drives; those that only wait for long have left memory',
  },
  stepDuration: {
    name: 'sagamore_step_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: [...step, 'outcome'],
    meaning: 'From the asking of one attempt to the commit of its answer, as the coordinator sees it',
  },
  stepRetries: {
    name: 'sagamore_step_retries_total',
    kind: 'counter',
    unit: 'attempts',
    labels: step,
    meaning: 'Attempts after the first, probes included',
  },
  stepUndos: {
    name: 'sagamore_step_undos_total',
    kind: 'counter',
    unit: 'undos',
    labels: step,
    meaning:
      'Undos that were asked for: compensations, cancels, rollbacks; attempts after the first not counted',
  },
  lateReplies: {
    name: 'sagamore_late_replies_total',
    kind: 'counter',
    unit: 'replies',
    labels: ['meaning'],
    meaning: 'Came after their decision, and a person must look at them',
  },
  strays: {
    name: 'sagamore_strays_total',
    kind: 'counter',
    unit: 'transactions',
    labels: ['finding'],
    meaning: 'Moved and were unattended when the watchdog looked; should be 0',
  },
  bugs: {
    name: 'sagamore_bugs_total',
    kind: 'counter',
    unit: 'transactions',
    labels: [],
    meaning: 'Broke a rule of the program and were parked, or never begun, for it',
  },
  requestDuration: {
    name: 'sagamore_request_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: ['method', 'route', 'status'],
    meaning:
      'From the arrival of an HTTP request to its answer, streams of events excepted; `none` is no route of ours',
  },
  commandDuration: {
    name: 'sagamore_command_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: ['service', 'command', 'operation', 'outcome'],
    meaning: 'From the arrival of a command at its participant to the commit of its answer',
  },
  inDoubt: {
    name: 'sagamore_in_doubt',
    kind: 'gauge',
    unit: 'branches',
    labels: ['service'],
    meaning: 'Voted yes and not told how it ended, at the last look of this process',
  },
  inDoubtAge: {
    name: 'sagamore_in_doubt_age_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: ['service'],
    meaning: 'How long the oldest of them has waited; 0 without any',
  },
  outboxAge: {
    name: 'sagamore_outbox_age_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: ['service'],
    meaning: 'Age of the oldest message that is saved and not yet published; 0 without any',
  },
  outboxRemembered: {
    name: 'sagamore_outbox_remembered',
    kind: 'gauge',
    unit: 'messages',
    labels: ['service'],
    meaning: 'Saved messages that this process holds in memory until the broker has them; bounded',
  },
  messagesSent: {
    name: 'sagamore_messages_sent_total',
    kind: 'counter',
    unit: 'messages',
    labels: ['topic'],
    meaning: 'Acknowledged by the broker',
  },
  deadLetters: {
    name: 'sagamore_dead_letters_total',
    kind: 'counter',
    unit: 'messages',
    labels: ['topic'],
    meaning: 'Buried because they can never be handled, by the topic they came from',
  },
  consumerLag: {
    name: 'sagamore_consumer_lag',
    kind: 'gauge',
    unit: 'messages',
    labels: ['topic', 'group'],
    meaning: 'Arrived for the partitions of this process and not handled yet, as of the last delivery',
  },
  consumerPaused: {
    name: 'sagamore_consumer_paused',
    kind: 'gauge',
    unit: 'state',
    labels: ['service', 'topic', 'group'],
    meaning: '1 while the topic is paused for the group in this process, else 0',
  },
  batchSize: {
    name: 'sagamore_batch_size',
    kind: 'histogram',
    unit: 'messages',
    labels: ['topic', 'group'],
    meaning: 'Messages of one delivery, which share their commits',
  },
  batchDuration: {
    name: 'sagamore_batch_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: ['topic', 'group', 'outcome'],
    meaning: 'How long one delivery was handled; what failed comes again',
  },
  faults: {
    name: 'sagamore_faults_total',
    kind: 'counter',
    unit: 'faults',
    labels: ['service', 'code'],
    meaning: 'Faults of the world that a service survived by itself; `none` for errors without a code',
  },
  breakerState: {
    name: 'sagamore_breaker_state',
    kind: 'gauge',
    unit: 'state',
    labels: ['breaker'],
    meaning: '0 closed, 1 half-open, 2 open: of a provider, or of a participant once it has changed',
  },
  bulkheadInUse: {
    name: 'sagamore_bulkhead_in_use',
    kind: 'gauge',
    unit: 'calls',
    labels: ['bulkhead'],
    meaning: 'Calls that run now',
  },
  bulkheadWaiting: {
    name: 'sagamore_bulkhead_waiting',
    kind: 'gauge',
    unit: 'calls',
    labels: ['bulkhead'],
    meaning: 'Calls that wait for a place',
  },
  shards: {
    name: 'sagamore_shards',
    kind: 'gauge',
    unit: 'shards',
    labels: [],
    meaning: 'How many there are; each must have one owner',
  },
  shardEpoch: {
    name: 'sagamore_shard_epoch',
    kind: 'gauge',
    unit: 'epoch',
    labels: ['shard'],
    meaning: 'The epoch under which this process holds the shard; absent for what it does not hold',
  },
  eventLoopDelay: {
    name: 'sagamore_event_loop_delay_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: ['quantile'],
    meaning: 'How late timers fire, over the last ten to twenty seconds',
  },
  spansDropped: {
    name: 'sagamore_spans_dropped_total',
    kind: 'counter',
    unit: 'spans',
    labels: [],
    meaning: 'Not told, because the collector is slower than this process, or away',
  },
} as const satisfies Readonly<Record<string, MetricSpecification>>;

export type MetricCatalogue = typeof metricCatalogue;
export type MetricId = keyof MetricCatalogue;

/** The metrics of one kind. */
export type MetricOf<Kind extends MetricSpecification['kind']> = {
  [Id in MetricId]: MetricCatalogue[Id]['kind'] extends Kind ? Id : never;
}[MetricId];

/** A value for each label of a metric. */
export type LabelsOf<Id extends MetricId> = Readonly<Record<MetricCatalogue[Id]['labels'][number], string>>;
