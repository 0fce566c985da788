/**
 * Goal: payment charges once and gives back once, whatever comes twice, too late or in the wrong order.
 * Method: the real module on a real database and a card network in memory that keeps keys and tombstones as the real one
 * does; the bus alone is in memory.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chargePayment } from '@sagamore/contracts';
import { openDataSource, PostgresDatabase } from '@sagamore/postgres';
import { uuidv7 } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import { askedParticipant, type AskedParticipant, type Question } from '../../../test/support/participant.js';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import {
  CardNetwork,
  type ChargeAnswer,
  type ChargeRequest,
  type RefundAnswer,
  type RefundRequest,
} from './card-network.client.js';
import { customerAccount, merchantAccount } from './payment.js';
import { PaymentModule } from './payment.module.js';
import { LedgerStore } from './payment.store.js';

/** Keeps what was charged by key. `tok_lost_reply` takes the money and says nothing the first time. */
class RememberingNetwork extends CardNetwork {
  readonly charged = new Map<string, number>();
  readonly refunded = new Set<string>();
  private readonly tombstones = new Set<string>();

  async charge(key: string, { amount, token }: ChargeRequest): Promise<ChargeAnswer> {
    if (token === 'tok_declined') return { status: 'refused', code: 'card-declined' };
    if (this.tombstones.has(key)) return { status: 'refused', code: 'voided' };
    const isFirst = !this.charged.has(key);
    this.charged.set(key, amount.amountMinor);
    if (isFirst && token === 'tok_lost_reply') {
      throw new Fault('PROVIDER_UNAVAILABLE', 'the reply was lost', { retryable: true });
    }
    return { status: 'captured', chargeId: `ch-${key}` };
  }

  async refund(_key: string, { chargeKey }: RefundRequest): Promise<RefundAnswer> {
    if (!this.charged.has(chargeKey)) {
      this.tombstones.add(chargeKey);
      return { status: 'nothing-to-refund' };
    }
    this.refunded.add(chargeKey);
    return { status: 'refunded' };
  }

  /** Nothing is held in this file. */
  authorize(): Promise<never> {
    return Promise.reject(new Error('no authorization was expected'));
  }

  capture(): Promise<never> {
    return Promise.reject(new Error('no capture was expected'));
  }

  void(): Promise<never> {
    return Promise.reject(new Error('no void was expected'));
  }

  async stop(): Promise<void> {}
}

describe('the payment service', () => {
  const network = new RememberingNetwork();
  let server: TestPostgres;
  let payment: AskedParticipant;
  let database: PostgresDatabase;

  beforeAll(async () => {
    server = await testPostgres();
    const databaseUrl = await server.freshDatabase();
    payment = await askedParticipant({
      service: 'payment',
      module: (host) => PaymentModule.forRoot(host, { cardNetwork: network }),
      databaseUrl,
    });
    database = await PostgresDatabase.open(await openDataSource({ url: databaseUrl, poolSize: 2 }));
  }, 60_000);

  afterAll(async () => {
    await database.dataSource.destroy();
    await payment.stop();
    await server.stop();
  });

  function chargeOf(customerId: string, paymentToken = 'tok_ok'): Question {
    const transactionId = uuidv7(Date.now());
    const amount = { amountMinor: 1_250, currency: 'EUR' };
    return {
      operation: chargePayment,
      transactionId,
      payload: { orderId: transactionId, customerId, paymentToken, amount },
    };
  }

  function undoOf({ payload, ...question }: Question): Question {
    return { ...question, half: 'compensation', payload: { input: payload, outcome: 'unknown' } };
  }

  /** What the merchant holds, and how many entries the customer's account has. */
  async function merchant(): Promise<number> {
    const balances = await new LedgerStore(database).balances();
    return balances.find(({ account }) => account === merchantAccount)?.balanceMinor ?? 0;
  }

  async function hasEntries(customerId: string): Promise<boolean> {
    const balances = await new LedgerStore(database).balances();
    return balances.some(({ account }) => account === customerAccount(customerId));
  }

  test('R27: a batch of charges is captured and booked', async () => {
    const before = await merchant();
    const replies = await payment.ask(Array.from({ length: 25 }, () => chargeOf('ada')));
    expect(replies.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 25 }, () => 'succeeded'));
    expect(await merchant()).toBe(before + 25 * 1_250);
  });

  test('a declined card is refused and books nothing', async () => {
    const [reply] = await payment.ask([chargeOf('bo', 'tok_declined')]);
    expect(reply).toEqual({ outcome: 'refused', refusal: { code: 'card-declined' } });
    expect(await hasEntries('bo')).toBe(false);
  });

  test('R7: a charge whose reply was lost is asked for again with its key, and booked once', async () => {
    const before = await merchant();
    const question = chargeOf('chi', 'tok_lost_reply');
    expect(await payment.ask([question])).toMatchObject([{ outcome: 'succeeded' }]);
    expect(await payment.ask([{ ...question, attempt: 2 }])).toMatchObject([{ outcome: 'succeeded' }]);
    expect(await merchant()).toBe(before + 1_250);
  }, 30_000);

  test('an undo gives the money back and leaves the books as they were', async () => {
    const before = await merchant();
    const question = chargeOf('dee');
    await payment.ask([question]);
    expect(await payment.ask([undoOf(question)])).toEqual([{ outcome: 'succeeded', output: {} }]);
    expect(network.refunded.has(`${question.transactionId}/${chargePayment.action}`)).toBe(true);
    expect(await merchant()).toBe(before);
  });

  test('R8: an undo before its action books nothing, and the action behind it takes no money', async () => {
    const question = chargeOf('eve');
    expect(await payment.ask([undoOf(question)])).toMatchObject([{ outcome: 'succeeded', empty: true }]);
    expect(await payment.ask([question])).toMatchObject([{ outcome: 'refused' }]);
    expect(network.charged.has(`${question.transactionId}/${chargePayment.action}`)).toBe(false);
    expect(await hasEntries('eve')).toBe(false);
  });
});
