/**
 * Goal: an order is one trace in a real Jaeger, whatever happened to it. Method: the stack over Kafka with a Jaeger beside
 * it; an order that completes, one that is undone after a lost reply, and one whose orchestrator is killed in the middle;
 * each read back through Jaeger's own API.
 */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { jaegerBinary, missingForJaeger } from '../../deploy/local/jaeger/jaeger.js';
import { missingForBroker } from '../../deploy/local/kafka/jars.js';
import { stackProcess } from './stack.process.js';

jest.setTimeout(900_000);

const tag = z.object({ key: z.string(), value: z.unknown() });
const span = z.object({
  spanID: z.string(),
  operationName: z.string(),
  references: z.array(z.object({ refType: z.string(), traceID: z.string(), spanID: z.string() })),
  tags: z.array(tag),
});
const traces = z.object({ data: z.array(z.object({ traceID: z.string(), spans: z.array(span) })) });
type Span = z.infer<typeof span>;

const missing = process.env['KAFKA_BROKERS']
  ? missingForJaeger()
  : (missingForBroker() ?? missingForJaeger());

function describeTraces(define: () => void): void {
  if (missing === undefined) return describe('traces in Jaeger', define);
  describe(`traces in Jaeger (${missing})`, () => {
    const declare = process.env['CI'] === 'true' ? test : test.skip;
    declare('is not tried', () => {
      throw new Error(missing);
    });
  });
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const happy = [
  'place-order',
  'POST /orders',
  'reserve-inventory action',
  'charge-payment action',
  'create-shipment action',
  'confirm-order action',
];

describeTraces(() => {
  const stack = stackProcess('deploy/local/kafka/main.ts', ['--port', '0', '--jaeger']);
  let passed = false;
  // Built BEFORE the stack starts: on a new machine this takes minutes, and a start has a deadline.
  beforeAll(async () => void (await jaegerBinary(say)), 1_500_000);
  afterEach(() => {
    if (!passed) process.stdout.write(`the stack's last words:\n${stack.tail()}\n`);
    passed = false;
  });
  afterAll(() => stack.dispose(), 90_000);

  test('I29: an order that completes is one trace, participants and request included', async () => {
    await stack.start();
    const orderId = await place({ paymentToken: 'tok_ok' });
    await ends(orderId, 'CONFIRMED');
    const participants = ['inventory.reserve', 'payment.charge', 'shipping.create', 'order.confirm'];
    const spans = await traceOf(orderId, [...happy, ...participants]);
    expect(orphans(spans)).toEqual([]);
    passed = true;
  });

  test('I30: an order that is undone after a lost reply shows what is undone by what', async () => {
    const orderId = await place({ paymentToken: 'tok_lost_reply', country: 'AQ' });
    await ends(orderId, 'REJECTED');
    const undos = ['charge-payment compensation', 'reserve-inventory compensation'];
    const spans = await traceOf(orderId, [
      'place-order',
      'create-shipment action',
      ...undos,
      'reject-order action',
    ]);
    const charge = spans.filter(({ operationName }) => operationName === 'charge-payment action');
    const undo = spans.find(({ operationName }) => operationName === 'charge-payment compensation');
    const linked = undo?.references
      .filter(({ refType }) => refType === 'FOLLOWS_FROM')
      .map(({ spanID }) => spanID);
    expect(charge.map(({ spanID }) => spanID)).toContain(linked?.[0]);
    expect(orphans(spans)).toEqual([]);
    passed = true;
  });

  test('R24: an order that survives kill -9 of the orchestrator has every span of its coordinator', async () => {
    const orderId = await place({ paymentToken: 'tok_ok', postcode: 'SLOW' });
    await pause(1_500);
    process.kill(stack.pids()['orchestrator']!, 'SIGKILL');
    await ends(orderId, 'CONFIRMED');
    const spans = await traceOf(orderId, happy);
    expect(orphans(spans)).toEqual([]);
    passed = true;
  });

  async function place(wish: {
    readonly paymentToken: string;
    readonly country?: string;
    readonly postcode?: string;
  }): Promise<string> {
    const { paymentToken, country = 'CH', postcode = '4051' } = wish;
    const response = await fetch(`${stack.place.orderUrl()}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
      body: JSON.stringify({
        customerId: 'ada',
        currency: 'EUR',
        lines: [{ sku: 'MOKA-POT-6', quantity: 1 }],
        paymentToken,
        shipTo: { name: 'Ada', street: '1 Harbour Road', city: 'Oldport', postcode, country },
      }),
    });
    expect(response.status).toBe(202);
    const { orderId } = z.object({ orderId: z.string() }).parse(await response.json());
    expect(response.headers.get('sagamore-transaction-id')).toBe(orderId);
    return orderId;
  }

  async function ends(orderId: string, status: string): Promise<void> {
    await until(`order ${orderId} to be ${status}`, async () => {
      const response = await fetch(`${stack.place.orderUrl()}/orders/${orderId}`);
      return z.object({ status: z.string() }).parse(await response.json()).status === status;
    });
  }

  /** The spans of the one trace of a transaction, once those of `names` are all there. */
  async function traceOf(transactionId: string, names: readonly string[]): Promise<readonly Span[]> {
    const [, queryUrl] = /^jaeger (http:\/\/[\d.:]+)/m.exec(stack.output()) ?? [];
    let spans: readonly Span[] = [];
    await until(`spans ${names.join(', ')} of ${transactionId}`, async () => {
      const response = await fetch(`${queryUrl}/api/traces/${transactionId.replaceAll('-', '')}`);
      const { data } = response.ok ? traces.parse(await response.json()) : { data: [] };
      expect(data.length).toBeLessThanOrEqual(1);
      spans = data[0]?.spans ?? [];
      const there = new Set(spans.map(({ operationName }) => operationName));
      return names.every((name) => there.has(name));
    });
    return spans;
  }
});

/** Spans that hang under none that is there. */
function orphans(spans: readonly Span[]): readonly string[] {
  const ids = new Set(spans.map(({ spanID }) => spanID));
  return spans
    .filter(({ references }) =>
      references.some(({ refType, spanID }) => refType === 'CHILD_OF' && !ids.has(spanID)),
    )
    .map(({ operationName }) => operationName);
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited two minutes for ${what}`);
    await pause(250);
  }
}
