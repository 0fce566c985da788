/**
 * Goal: a transaction is one trace, whoever tells it and however often. Method: a saga that is undone, told from its row and
 * its journal; and the tracer with a journal and a collector that are arrays.
 */
import { describe, expect, test } from '@jest/globals';
import { historyOf, saga, sagaProtocol, type TransactionEvent } from '@sagamore/engine';
import { Definitions, startOf, type Clock, type Rested, type StoredTransaction } from '@sagamore/runtime';
import { rootSpanIdOf, spanIdFrom, type SpanRecord, type Tracing } from '@sagamore/telemetry';
import { traceContextFor } from './trace-context.js';
import { transactionSpans } from './transaction.spans.js';
import { TransactionTracer } from './transaction.tracer.js';

const operation = (name: string) => ({
  participant: name,
  action: `${name}.do`,
  compensation: `${name}.undo`,
  effect: 'local' as const,
});
const definition = saga<{ readonly orderId: string }>('place-order', { version: 1 })
  .step('reserve', operation('stock'), ({ input }) => input)
  .step('charge', operation('money'), ({ input }) => input)
  .define();
const protocol = sagaProtocol(definition);
const transactionId = '0199a1b2-c3d4-7e5f-8a6b-0c1d2e3f4a5b';
const replied = { type: 'replied', generation: 1, attempt: 1 } as const;
const events: readonly TransactionEvent[] = [
  {
    ...replied,
    at: 1_010,
    branchId: 'reserve',
    operation: 'action',
    reply: { outcome: 'succeeded', output: {} },
  },
  {
    ...replied,
    at: 1_020,
    branchId: 'charge',
    operation: 'action',
    reply: { outcome: 'refused', refusal: { code: 'card-declined' } },
  },
  {
    ...replied,
    at: 1_040,
    branchId: 'reserve',
    operation: 'compensation',
    reply: { outcome: 'succeeded', output: {} },
  },
];
const stored: StoredTransaction = {
  transactionId,
  definition: 'place-order',
  version: 1,
  shard: 0,
  input: { orderId: 'order-1' },
  startedAt: 1_000,
  status: 'compensated',
  phase: 'final',
  reason: { kind: 'refused', branchId: 'charge' },
  updatedAt: 1_040,
  events,
};
const spans = transactionSpans(stored, historyOf(protocol, startOf(stored), events));
const named = (name: string): SpanRecord | undefined => spans.find((span) => span.name === name);

describe('I29: the spans of a transaction', () => {
  test('are one trace under one root', () => {
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
    const [root, ...others] = spans;
    expect(root).toMatchObject({
      name: 'place-order',
      spanId: rootSpanIdOf(transactionId),
      startMs: 1_000,
      endMs: 1_040,
    });
    expect(others.every(({ parentSpanId }) => parentSpanId === root?.spanId)).toBe(true);
  });

  test('say when each half was asked, and what came of it', () => {
    expect(named('charge action')).toMatchObject({
      startMs: 1_010,
      endMs: 1_020,
      attributes: { 'sagamore.outcome': 'refused', 'sagamore.code': 'card-declined', 'sagamore.attempt': 1 },
    });
    expect(named('charge action')?.error).toBeUndefined();
  });

  test('an undo points at what it undoes', () => {
    const spanId = spanIdFrom(`${transactionId}/reserve/action/1/1`);
    expect(named('reserve compensation')?.links).toEqual([{ traceId: spans[0]?.traceId, spanId }]);
    expect(named('reserve action')?.spanId).toBe(spanId);
  });

  test('I42: hold nothing of what the transaction was given', () => {
    expect(JSON.stringify(spans)).not.toContain('order-1');
  });

  test('a command names the span under which it was asked for, if its trace is kept', () => {
    const traceparent = traceContextFor(1)(transactionId, `${transactionId}/reserve/action/1/1`);
    expect(traceparent).toBe(`00-${spans[0]?.traceId}-${named('reserve action')?.spanId}-01`);
    expect(traceContextFor(0)(transactionId, 'anything')).toMatch(/-00$/);
  });
});

describe('the tracer', () => {
  function tracer(
    ratio: number,
    journal: Partial<ConstructorParameters<typeof TransactionTracer>[0]['journal']> = {},
  ) {
    const told: SpanRecord[] = [];
    const faults: unknown[] = [];
    const timers: (() => void)[] = [];
    const tracing: Tracing = {
      isOn: true,
      dropped: 0,
      emit: (some) => void told.push(...some),
      stop: async () => {},
    };
    const clock = {
      now: () => 0,
      after: (_ms: number, call: () => void) => (timers.push(call), () => {}),
    } as Clock;
    const ports = {
      tracing,
      clock,
      definitions: new Definitions([protocol]),
      journal: { load: async () => [stored], list: async () => [stored], now: () => 1_050, ...journal },
    };
    const made = new TransactionTracer(ports, {
      ratio,
      slowMs: 5_000,
      onFault: (error) => faults.push(error),
    });
    return { made, told, faults };
  }
  const rested = (status: string, at = 1_040): readonly Rested[] => [
    { record: stored, standing: { status, phase: 'final' }, at },
  ];

  test.each([
    ['a completed one under a ratio of nothing', 'completed', 1_040, 0, 0],
    ['a completed one under a ratio of one', 'completed', 1_040, 1, spans.length],
    ['what was undone', 'compensated', 1_040, 0, spans.length],
    ['what was slow', 'completed', 9_000, 0, spans.length],
  ])('of %s tells what is wanted: R24', async (_what, status, at, ratio, expected) => {
    const { made, told } = tracer(ratio);
    made.onRest(rested(status, at));
    await made.stop();
    expect(told).toHaveLength(expected);
  });

  test('reads nothing back of what the owner has saved itself', async () => {
    const asked: string[] = [];
    const load = async (ids: readonly string[]) => (asked.push(...ids), []);
    const { made, told } = tracer(0, { load });
    made.onRest(rested('compensated').map((one) => ({ ...one, events })));
    await made.stop();
    expect([told, asked]).toEqual([spans, []]);
  });

  test('after a takeover tells what ended lately once more, under the same ids', async () => {
    const { made, told } = tracer(0);
    await made.tellAgain();
    await made.stop();
    expect(told).toEqual(spans);
  });

  test('R25: a journal that cannot be read costs a trace and nothing else', async () => {
    const { made, told, faults } = tracer(1, { load: () => Promise.reject(new Error('away')) });
    made.onRest(rested('completed'));
    await made.stop();
    expect([told, faults.length]).toEqual([[], 1]);
  });
});
