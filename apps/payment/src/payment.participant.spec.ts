/**
 * Goal: what the card network says becomes the right reply and the right entries. Method: the participant alone, with a
 * network that answers what it is told and a ledger that remembers.
 */
import { describe, expect, test } from '@jest/globals';
import { Database, operationIdOf, providerKeyOf, Tx } from '@sagamore/runtime';
import {
  CardNetwork,
  type AuthorizationAnswer,
  type CaptureAnswer,
  type ChargeAnswer,
  type RefundAnswer,
  type VoidAnswer,
} from './card-network.client.js';
import { PaymentHoldParticipant } from './payment-hold.participant.js';
import { PaymentParticipant } from './payment.participant.js';
import { LedgerStore } from './payment.store.js';
import type { LedgerEntry } from './payment.js';

class ScriptedNetwork extends CardNetwork {
  readonly calls: unknown[] = [];

  constructor(
    private readonly charges: ChargeAnswer = { status: 'captured', chargeId: 'ch_1' },
    private readonly refunds: RefundAnswer = { status: 'refunded' },
  ) {
    super();
  }

  async charge(key: string, request: unknown): Promise<ChargeAnswer> {
    this.calls.push(['charge', key, request]);
    return this.charges;
  }

  async refund(key: string, request: unknown): Promise<RefundAnswer> {
    this.calls.push(['refund', key, request]);
    return this.refunds;
  }

  async authorize(key: string, request: unknown): Promise<AuthorizationAnswer> {
    this.calls.push(['authorize', key, request]);
    return this.charges.status === 'refused'
      ? this.charges
      : { status: 'authorized', authorizationId: 'au_1' };
  }

  async capture(key: string, request: unknown): Promise<CaptureAnswer> {
    this.calls.push(['capture', key, request]);
    return { status: 'captured' };
  }

  async void(key: string, request: unknown): Promise<VoidAnswer> {
    this.calls.push(['void', key, request]);
    return this.refunds.status === 'nothing-to-refund' ? { status: 'nothing-to-void' } : { status: 'voided' };
  }

  async stop(): Promise<void> {}
}

class NoDatabase extends Database {
  transaction<T>(): Promise<T> {
    throw new Error('no transaction was expected');
  }

  now(): number {
    return 0;
  }
}

class RememberedLedger extends LedgerStore {
  readonly booked: LedgerEntry[] = [];
  readonly missing: LedgerEntry[] = [];

  constructor() {
    super(new NoDatabase());
  }

  override book(_tx: Tx, entries: readonly LedgerEntry[]): void {
    this.booked.push(...entries);
  }

  override bookMissing(_tx: Tx, entries: readonly LedgerEntry[]): void {
    this.missing.push(...entries);
  }
}

class NoTx extends Tx {}

const branch = { transactionId: 'tx-1', branchId: 'charge-payment' };
const context = { providerKey: providerKeyOf(branch.transactionId, branch.branchId) };
const input = {
  orderId: 'order-1',
  customerId: 'ada',
  paymentToken: 'tok_ok',
  amount: { amountMinor: 1_250, currency: 'EUR' as const },
};
const chargeId = operationIdOf('tx-1', 'charge-payment', 'action');
const action = { ...branch, operationId: chargeId, settledOperationId: chargeId, payload: input };
const undo = {
  ...branch,
  operationId: operationIdOf('tx-1', 'charge-payment', 'compensation'),
  settledOperationId: chargeId,
  payload: { input, outcome: 'unknown' as const },
};

function participant(network: CardNetwork): { payment: PaymentParticipant; ledger: RememberedLedger } {
  const ledger = new RememberedLedger();
  return { ledger, payment: new PaymentParticipant(network, ledger) };
}

const sums = (entries: readonly LedgerEntry[]): Record<string, number> =>
  Object.fromEntries(
    [...new Set(entries.map(({ account }) => account))].map((name) => [
      name,
      entries.filter(({ account }) => account === name).reduce((sum, entry) => sum + entry.amountMinor, 0),
    ]),
  );

describe('what payment makes of the card network’s answers', () => {
  test('R7: a charge is asked for under the branch’s key and answered with the network’s id', async () => {
    const network = new ScriptedNetwork();
    const { payment } = participant(network);
    expect(await payment.charge(action, context)).toEqual({
      outcome: 'succeeded',
      output: { chargeId: 'ch_1' },
    });
    const request = { amount: input.amount, token: 'tok_ok', reference: 'order-1' };
    expect(network.calls).toEqual([['charge', 'tx-1/charge-payment', request]]);
  });

  test('a declined card is a refusal with the network’s word', async () => {
    const { payment } = participant(new ScriptedNetwork({ status: 'refused', code: 'card-declined' }));
    expect(await payment.charge(action, context)).toEqual({
      outcome: 'refused',
      refusal: { code: 'card-declined' },
    });
  });

  test('R8: an undo names the charge by its key and has a key of its own', async () => {
    const network = new ScriptedNetwork();
    const { payment } = participant(network);
    expect(await payment.refund(undo, context)).toEqual({ outcome: 'succeeded', output: {} });
    const request = { chargeKey: 'tx-1/charge-payment', reference: 'order-1' };
    expect(network.calls).toEqual([['refund', 'tx-1/charge-payment/refund', request]]);
  });

  test('R5: an undo that found no charge says so, and nothing is booked', async () => {
    const { payment, ledger } = participant(new ScriptedNetwork(undefined, { status: 'nothing-to-refund' }));
    const reply = await payment.refund(undo, context);
    expect(reply).toEqual({ outcome: 'succeeded', output: {}, empty: true });
    const empty = { outcome: 'succeeded' as const, output: {}, empty: true as const };
    await payment.bookRefund([{ command: undo, reply: empty }], new NoTx());
    expect([ledger.booked, ledger.missing]).toEqual([[], []]);
  });

  test('R27: a settled charge is booked to the merchant by way of the customer', async () => {
    const { payment, ledger } = participant(new ScriptedNetwork());
    await payment.book(
      [{ command: action, reply: { outcome: 'succeeded', output: { chargeId: 'ch_1' } } }],
      new NoTx(),
    );
    expect(sums(ledger.booked)).toEqual({ 'card-network': -1_250, 'customer:ada': 0, merchant: 1_250 });
    expect(new Set(ledger.booked.map(({ operationId }) => operationId))).toEqual(
      new Set([action.operationId]),
    );
  });

  test('I13: a settled refund is booked together with its charge, should that be missing', async () => {
    const { payment, ledger } = participant(new ScriptedNetwork());
    await payment.bookRefund([{ command: undo, reply: { outcome: 'succeeded', output: {} } }], new NoTx());
    expect(sums(ledger.booked)).toEqual({ 'card-network': 1_250, 'customer:ada': 0, merchant: -1_250 });
    expect(sums(ledger.missing)).toEqual({ 'card-network': -1_250, 'customer:ada': 0, merchant: 1_250 });
    expect(new Set(ledger.missing.map(({ operationId }) => operationId))).toEqual(
      new Set([action.operationId]),
    );
  });

  test('the card’s token reaches the network and no entry', async () => {
    const { payment, ledger } = participant(new ScriptedNetwork());
    await payment.book(
      [{ command: action, reply: { outcome: 'succeeded', output: { chargeId: 'ch_1' } } }],
      new NoTx(),
    );
    expect(JSON.stringify(ledger.booked)).not.toContain('tok_');
  });
});

describe('what payment makes of a card that only holds the money', () => {
  const holdId = operationIdOf('tx-1', 'charge-payment', 'try');
  const held = { ...action, operationId: holdId, settledOperationId: holdId };
  const capture = {
    ...held,
    operationId: operationIdOf('tx-1', 'charge-payment', 'confirm'),
    payload: { input, output: { authorizationId: 'au_1' } },
  };
  const release = {
    ...held,
    operationId: operationIdOf('tx-1', 'charge-payment', 'cancel'),
    payload: undo.payload,
  };
  const done = { outcome: 'succeeded' as const, output: {} };

  function holding(network: CardNetwork): { payment: PaymentHoldParticipant; ledger: RememberedLedger } {
    const ledger = new RememberedLedger();
    return { ledger, payment: new PaymentHoldParticipant(network, ledger) };
  }

  test('R21: it is authorized, captured and voided under keys that all name the one authorization', async () => {
    const network = new ScriptedNetwork();
    const { payment } = holding(network);
    expect(await payment.authorize(held, context)).toEqual({
      outcome: 'succeeded',
      output: { authorizationId: 'au_1' },
    });
    expect(await payment.capture(capture, context)).toEqual(done);
    expect(await payment.void(release, context)).toEqual(done);
    const key = 'tx-1/charge-payment';
    const settlement = { authorizationKey: key, reference: 'order-1' };
    expect(network.calls).toEqual([
      ['authorize', key, { amount: input.amount, token: 'tok_ok', reference: 'order-1' }],
      ['capture', `${key}/capture`, settlement],
      ['void', `${key}/void`, settlement],
    ]);
  });

  test('a declined card is a refusal with the network’s word', async () => {
    const { payment } = holding(new ScriptedNetwork({ status: 'refused', code: 'card-declined' }));
    expect(await payment.authorize(held, context)).toEqual({
      outcome: 'refused',
      refusal: { code: 'card-declined' },
    });
  });

  test('R27: a captured hold leaves its account and ends with the merchant', async () => {
    const { payment, ledger } = holding(new ScriptedNetwork());
    const answered = { outcome: 'succeeded' as const, output: { authorizationId: 'au_1' } };
    await payment.bookHold([{ command: held, reply: answered }], new NoTx());
    expect(sums(ledger.booked)).toEqual({ 'card-network': -1_250, 'hold:ada': 1_250 });
    await payment.bookCapture([{ command: capture, reply: done }], new NoTx());
    expect(sums(ledger.booked)).toEqual({
      'card-network': -1_250,
      'hold:ada': 0,
      'customer:ada': 0,
      merchant: 1_250,
    });
  });

  test('I13: a void is booked together with its hold, should that be missing', async () => {
    const { payment, ledger } = holding(new ScriptedNetwork());
    await payment.bookVoid([{ command: release, reply: done }], new NoTx());
    expect(sums(ledger.booked)).toEqual({ 'card-network': 1_250, 'hold:ada': -1_250 });
    expect(new Set(ledger.missing.map(({ operationId }) => operationId))).toEqual(new Set([holdId]));
  });

  test('R5: a void that found no authorization says so, and nothing is booked', async () => {
    const { payment, ledger } = holding(new ScriptedNetwork(undefined, { status: 'nothing-to-refund' }));
    const empty = { outcome: 'succeeded' as const, output: {}, empty: true as const };
    expect(await payment.void(release, context)).toEqual(empty);
    await payment.bookVoid([{ command: release, reply: empty }], new NoTx());
    expect([ledger.booked, ledger.missing]).toEqual([[], []]);
  });
});
