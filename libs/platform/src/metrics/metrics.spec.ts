/**
 * Goal: what is counted is what was saved and sent, each once, under labels that nobody outside can choose. Method: a saga
 * that is undone, led through decisions as the coordinator leads them; a bus that is metered; the reference page.
 */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { saga, sagaProtocol, type TransactionEvent } from '@sagamore/engine';
import { MemoryBus, ManualClock } from '@sagamore/memory';
import type { Message, Saved } from '@sagamore/runtime';
import { metricCatalogue, MetricRegistry, noTracing, prometheusText } from '@sagamore/telemetry';
import { Fault } from '@sagamore/resilience';
import { MeteredBus } from './metered-bus.js';
import { watchProcess } from './process.metrics.js';
import { ServiceMetrics } from './service.metrics.js';
import { TransactionMetrics } from './transaction.metrics.js';

const operation = (name: string) => ({
  participant: name,
  action: `${name}.do`,
  compensation: `${name}.undo`,
  effect: 'local' as const,
});
const definition = saga<object>('place-order', { version: 1 })
  .step('reserve', operation('stock'), ({ input }) => input)
  .step('charge', operation('money'), ({ input }) => input, {
    retry: { attemptsMax: 2, baseMs: 1, maxMs: 1 },
  })
  .define();
const protocol = sagaProtocol(definition);
const record = {
  transactionId: '0199a1b2-c3d4-7e5f-8a6b-0c1d2e3f4a5b',
  definition: 'place-order',
  version: 1,
  shard: 0,
  input: {},
  startedAt: 1_000,
};

/** What the coordinator saves, one event a commit, each at the instant of its event. */
function savedOf(events: readonly TransactionEvent[]): readonly (readonly [Saved, number])[] {
  let { state, commands } = protocol.begin({ transactionId: record.transactionId, input: {}, at: 1_000 });
  const live = (seq: number) => ({ record, protocol, state, seq });
  const begun: Saved = {
    before: undefined,
    after: live(0),
    standing: protocol.standing(state),
    entries: [],
    commands,
  };
  const told = events.map((event, index): readonly [Saved, number] => {
    const before = protocol.standing(state);
    ({ state, commands } = protocol.transition(state, event));
    const entries = [{ transactionId: record.transactionId, shard: 0, seq: index + 1, event }];
    const standing = protocol.standing(state);
    return [{ before, after: live(index + 1), standing, entries, commands }, event.at];
  });
  return [[begun, 1_000], ...told];
}

const reply = { type: 'replied', generation: 1, attempt: 1, operation: 'action' } as const;
const undone: readonly TransactionEvent[] = [
  { ...reply, at: 1_200, branchId: 'reserve', reply: { outcome: 'succeeded', output: {} } },
  {
    ...reply,
    at: 1_300,
    branchId: 'charge',
    reply: { outcome: 'failed', failure: { code: 'AWAY', message: '', retryable: true } },
    retryAt: 1_400,
  },
  { type: 'time-passed', at: 1_400 },
  {
    ...reply,
    at: 1_900,
    attempt: 2,
    branchId: 'charge',
    reply: { outcome: 'refused', refusal: { code: 'declined' } },
  },
  {
    ...reply,
    operation: 'compensation',
    at: 3_000,
    branchId: 'reserve',
    reply: { outcome: 'succeeded', output: {} },
  },
];

async function linesOf(registry: MetricRegistry): Promise<readonly string[]> {
  return (await prometheusText(registry)).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('a transaction', () => {
  test('is counted by what was saved of it: begun, retried, undone, ended, and how long each took', async () => {
    const registry = new MetricRegistry();
    const metrics = new TransactionMetrics(registry);
    for (const [saved, at] of savedOf(undone)) metrics.onSaved([saved], at);
    const lines = await linesOf(registry);
    expect(lines).toEqual(
      expect.arrayContaining([
        'sagamore_transactions_started_total{definition="place-order",protocol="saga"} 1',
        'sagamore_transactions_ended_total{definition="place-order",protocol="saga",outcome="compensated"} 1',
        'sagamore_transaction_duration_seconds_sum{definition="place-order",protocol="saga",outcome="compensated"} 2',
        'sagamore_step_retries_total{definition="place-order",step="charge",operation="action"} 1',
        'sagamore_step_undos_total{definition="place-order",step="reserve",operation="compensation"} 1',
        'sagamore_step_duration_seconds_sum{definition="place-order",step="reserve",operation="action",outcome="succeeded"} 0.2',
        'sagamore_step_duration_seconds_sum{definition="place-order",step="charge",operation="action",outcome="refused"} 0.5',
        'sagamore_step_duration_seconds_count{definition="place-order",step="charge",operation="action",outcome="failed"} 1',
      ]),
    );
  });

  test('B110: neither its id nor its input is in any label', async () => {
    const registry = new MetricRegistry();
    const metrics = new TransactionMetrics(registry);
    for (const [saved, at] of savedOf(undone)) metrics.onSaved([saved], at);
    expect(await prometheusText(registry)).not.toContain(record.transactionId.slice(0, 8));
  });

  test('whose answer comes after a takeover has no latency, for nobody here knows when it was asked', async () => {
    const registry = new MetricRegistry();
    const metrics = new TransactionMetrics(registry);
    for (const [saved, at] of savedOf(undone).slice(1, 2)) metrics.onSaved([saved], at);
    expect((await linesOf(registry)).filter((line) => line.startsWith('sagamore_step_duration'))).toEqual([]);
  });

  test('parked ones are those of the shards held here', async () => {
    const registry = new MetricRegistry();
    const epochs = new Map([[3, 7]]);
    const asked: unknown[] = [];
    const countParked = async (shards: readonly number[]) => (
      asked.push(shards),
      new Map([['place-order', 2]])
    );
    new TransactionMetrics(registry).watch(
      { holding: { shards: [3], epochs, transactions: 11 } },
      { journal: { countParked }, shards: 4 },
    );
    expect(await linesOf(registry)).toEqual([
      'sagamore_transactions_parked{definition="place-order"} 2',
      'sagamore_transactions_in_memory 11',
      'sagamore_shards 4',
      'sagamore_shard_epoch{shard="3"} 7',
    ]);
    expect(asked).toEqual([[3]]);
  });
});

describe('a metered bus', () => {
  const message = (id: string, topic: string): Message => ({
    id,
    type: 'money.do',
    source: 'test',
    topic,
    key: id,
    occurredAt: 0,
    data: {},
  });

  test('counts messages, dead letters, batches and what is left, and changes nothing', async () => {
    const registry = new MetricRegistry();
    const bus = new MeteredBus(new MemoryBus({ clock: new ManualClock() }), registry);
    await bus.ensureTopics([{ topic: 'money.commands', partitions: 1 }]);
    const heard: string[] = [];
    const done = Promise.withResolvers<void>();
    const subscription = await bus.subscribe({
      topic: 'money.commands',
      group: 'money',
      handle: async (batch) => {
        heard.push(...batch.map(({ message: { id } }) => id));
        done.resolve();
      },
    });
    await bus.send([message('a', 'money.commands'), message('b', 'money.commands')]);
    expect(subscription.lag?.()).toBe(2);
    await bus.send([message('c', 'money.commands.dead-letters')]);
    const where = '{topic="money.commands",group="money"}';
    await done.promise;
    // What is in hand is not handled.
    expect(await linesOf(registry)).toContain(`sagamore_consumer_lag${where} 2`);
    await subscription.stop();
    expect(heard).toEqual(['a', 'b']);
    expect(await linesOf(registry)).toEqual(
      expect.arrayContaining([
        'sagamore_messages_sent_total{topic="money.commands"} 2',
        'sagamore_dead_letters_total{topic="money.commands"} 1',
        `sagamore_batch_size_sum${where} 2`,
        `sagamore_batch_size_count${where} 1`,
        'sagamore_batch_duration_seconds_count{topic="money.commands",group="money",outcome="handled"} 1',
      ]),
    );
    expect((await linesOf(registry)).some((line) => line.startsWith('sagamore_consumer_lag'))).toBe(false);
  });

  test('passes a pause on, and counts on what waits meanwhile', async () => {
    const registry = new MetricRegistry();
    const bus = new MeteredBus(new MemoryBus({ clock: new ManualClock() }), registry);
    const heard = Promise.withResolvers<void>();
    const active = await bus.subscribe({
      topic: 'money.commands',
      group: 'money',
      startsPaused: true,
      handle: async () => heard.resolve(),
    });
    expect(active.isPaused()).toBe(true);
    active.resume();
    await active.pause();
    await bus.send([message('a', 'money.commands')]);
    await new Promise(setImmediate);
    expect(await linesOf(registry)).toEqual([
      'sagamore_messages_sent_total{topic="money.commands"} 1',
      'sagamore_consumer_lag{topic="money.commands",group="money"} 1',
    ]);
    active.resume();
    await heard.promise;
  });

  test('what the broker does not take is not counted, and what a handler throws passes', async () => {
    const registry = new MetricRegistry();
    const inner = new MemoryBus({ clock: new ManualClock() });
    const bus = new MeteredBus(inner, registry);
    await inner.stop();
    await expect(bus.send([message('a', 'money.commands')])).rejects.toMatchObject({ code: 'STOPPED' });
    expect(await linesOf(registry)).toEqual([]);
    expect(bus.healthy()).toBe(false);
  });
});

describe('a service', () => {
  test('tells its faults by code, its doubts with the age of the oldest, its outbox, what is paused, its circuits and its breakers', async () => {
    const registry = new MetricRegistry();
    const metrics = new ServiceMetrics(registry, 'payment');
    metrics.fault(new Fault('DATABASE_UNAVAILABLE', 'no', { retryable: true }));
    metrics.fault(new TypeError('no'));
    metrics.doubt([
      { gid: 'payment:1:charge', ageMs: 2_500 },
      { gid: 'payment:2:charge', ageMs: 10 },
    ]);
    metrics.watchOutbox({ outbox: { age: async () => 1_500 }, relay: { remembered: 3 } });
    metrics.watchCircuits(() => [{ name: 'card-network-charges', state: 'open' }]);
    metrics.watchCalls(() => [{ name: 'payment', running: 4, waiting: 2 }]);
    const consumer = { group: 'payment', status: 'paused' as const };
    metrics.watchConsumers(() => [
      { ...consumer, topic: 'payment.commands', member: { isHealthy: true } },
      { ...consumer, topic: 'read.elsewhere' },
    ]);
    expect(await linesOf(registry)).toEqual([
      'sagamore_in_doubt{service="payment"} 2',
      'sagamore_in_doubt_age_seconds{service="payment"} 2.5',
      'sagamore_outbox_age_seconds{service="payment"} 1.5',
      'sagamore_outbox_remembered{service="payment"} 3',
      'sagamore_consumer_paused{service="payment",topic="payment.commands",group="payment"} 1',
      'sagamore_faults_total{service="payment",code="DATABASE_UNAVAILABLE"} 1',
      'sagamore_faults_total{service="payment",code="none"} 1',
      'sagamore_breaker_state{breaker="card-network-charges"} 2',
      'sagamore_bulkhead_in_use{bulkhead="payment"} 4',
      'sagamore_bulkhead_waiting{bulkhead="payment"} 2',
    ]);
    metrics.breaker('inventory', 'open');
    metrics.breaker('inventory', 'half-open');
    expect(await linesOf(registry)).toContain('sagamore_breaker_state{breaker="inventory"} 1');
    metrics.doubt([]);
    expect(await linesOf(registry)).toContain('sagamore_in_doubt_age_seconds{service="payment"} 0');
  });
});

test('a process that stands still shows it', async () => {
  const registry = new MetricRegistry();
  const end = watchProcess(registry, noTracing);
  await new Promise((resolve) => setTimeout(resolve, 60));
  for (const until = performance.now() + 150; performance.now() < until;);
  await new Promise((resolve) => setTimeout(resolve, 60));
  const line = (await linesOf(registry)).find((each) => each.includes('quantile="1"'));
  end();
  expect(Number(line?.split(' ').at(-1))).toBeGreaterThan(0.09);
});

test('the reference page lists every metric with its kind, labels and meaning, and no other', async () => {
  const page = await readFile(new URL('../../../../docs/reference/metrics.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows).toEqual(
    Object.values(metricCatalogue).map(({ name, kind, unit, labels, meaning }) => {
      const shown = labels.length === 0 ? '–' : labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${kind} | ${unit} | ${shown} | ${meaning} |`;
    }),
  );
});
