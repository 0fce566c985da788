/**
 * What every contract suite of the database ports is given, and the few words the suites share.
 * It stands beside the road, never on it: it must know no adapter, and must never wait for time to pass.
 */
import { afterEach, beforeEach } from '@jest/globals';
import { uuidv7 } from '@sagamore/primitives';
import { Fault, type FaultCode } from '@sagamore/resilience';
import type {
  Barrier,
  BarrierHistory,
  ConsumerPauses,
  CommandData,
  Database,
  History,
  Intent,
  Intents,
  Journal,
  KeptLetters,
  Message,
  Outbox,
  Prepared,
  Schedules,
  StoredBarrierRow,
  Trials,
} from '@sagamore/runtime';

/** The ports of one technology over one store. */
export interface PortsUnderTest {
  readonly database: Database;
  readonly barrier: Barrier;
  readonly intents: Intents;
  readonly outbox: Outbox;
  readonly journal: Journal;
  readonly prepared: Prepared;
  readonly history: History;
  readonly schedules: Schedules;
  readonly trials: Trials;
  readonly letters: KeptLetters;
  readonly consumerPauses: ConsumerPauses;
  readonly barrierHistory: BarrierHistory;
  /** Makes every claim of an outbox row and of trials expire and every tombstone ripe, as the passing of their time would. */
  expireClaims(): Promise<void>;
  /** Resolves when a prepare that waits for a lock now has waited too long, or will have without help. */
  outlastLocks(): Promise<void>;
  close(): Promise<void>;
}

/** Called BEFORE each test; answers ports over a store that is empty and that nobody else uses. */
export type OpenPorts = () => Promise<PortsUnderTest>;

/** Opens fresh ports for each test of the surrounding `describe` and closes them AFTER it. */
export function freshPorts(open: OpenPorts): () => PortsUnderTest {
  let ports: PortsUnderTest | undefined;
  beforeEach(async () => {
    ports = await open();
  });
  afterEach(async () => {
    await ports?.close();
    ports = undefined;
  });
  return () => {
    if (ports === undefined) throw new Error('ports are open only while a test runs');
    return ports;
  };
}

/** The code of the `Fault` that `promise` rejects with; `none` when it resolves. Other errors pass through. */
export async function faultOf(promise: Promise<unknown>): Promise<FaultCode | 'none'> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
}

const firstIdMs = 1_763_800_000_000;
let idsMade = 0;

/** A transaction id that sorts after all those made before it. */
export function nextId(): string {
  return uuidv7(firstIdMs + idsMade++);
}

/** The row of an action that succeeded, but for what `overrides` says. */
export function barrierRow(overrides: Partial<StoredBarrierRow> = {}): StoredBarrierRow {
  return {
    transactionId: nextId(),
    branchId: 'reserve-inventory',
    operation: 'action',
    generation: 0,
    outcome: 'succeeded',
    reply: { outcome: 'succeeded', output: { reservedId: 'r-1', count: 2 } },
    ...overrides,
  };
}

/** A fact for the outside, with every optional field filled. */
export function fact(key: string, id: string): Message {
  return {
    id,
    type: 'order.placed',
    source: 'order',
    topic: 'order.events',
    key,
    partition: 3,
    occurredAt: firstIdMs,
    causationId: 'cause-1',
    traceparent: '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01',
    data: { text: `of ${key}`, list: [1, 2.5, null], deep: { yes: true } },
  };
}

/** An intent of a charge whose claim runs until `claimedUntil`. */
export function intent(claimedUntil: number, overrides: Partial<Intent> = {}): Intent {
  const transactionId = overrides.transactionId ?? nextId();
  const branchId = overrides.branchId ?? 'charge-payment';
  const operation = overrides.operation ?? 'action';
  const generation = overrides.generation ?? 0;
  const data: CommandData = {
    transactionId,
    branchId,
    operation,
    generation,
    attempt: 1,
    replyTo: { topic: 'orchestrator.inbox', partition: 1 },
    payload: { amountMinor: 1_250 },
  };
  const command: Message<CommandData> = { ...fact(transactionId, `${transactionId}/${branchId}`), data };
  return {
    transactionId,
    branchId,
    operation,
    generation,
    command,
    owner: 'process-1',
    claimedUntil,
    ...overrides,
  };
}

/** A gate that stays shut until `open` is called. */
export interface Gate {
  readonly passed: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}
