/**
 * Goal: on the real database the books balance whatever is booked at the same time, and nothing is booked twice.
 * Method: many charges and refunds at once, then the sums over the log.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openDataSource, PostgresDatabase, statement } from '@sagamore/postgres';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { Ledger1800000000000 } from './migrations/1800000000000-ledger.js';
import { LedgerHold1800000100000 } from './migrations/1800000100000-ledger-hold.js';
import {
  customerAccount,
  entriesOfCharge,
  entriesOfRefund,
  merchantAccount,
  type Payment,
} from './payment.js';
import { LedgerStore } from './payment.store.js';

const unbalanced = statement(
  'test-unbalanced',
  'select operation_id from ledger_entry group by operation_id, currency having sum(amount_minor) <> 0',
);
const derived = statement(
  'test-derived',
  `select account from account_balance join (
     select account, currency, sum(amount_minor) as total from ledger_entry group by account, currency
   ) as log using (account, currency) where balance_minor <> total`,
);

describe('the ledger in Postgres', () => {
  let server: TestPostgres;
  let database: PostgresDatabase;
  let ledger: LedgerStore;

  beforeAll(async () => {
    server = await testPostgres();
    const url = await server.freshDatabase();
    const source = await openDataSource({
      url,
      migrations: [Ledger1800000000000, LedgerHold1800000100000],
      poolSize: 8,
    });
    await source.runMigrations();
    database = await PostgresDatabase.open(source);
    ledger = new LedgerStore(database);
  }, 60_000);

  afterAll(async () => {
    await database.dataSource.destroy();
    await server.stop();
  });

  function payment(transactionId: string, half: string, currency: 'EUR' | 'JPY' = 'EUR'): Payment {
    const amount = { amountMinor: 1_250, currency };
    return { operationId: `${transactionId}/charge/${half}`, transactionId, customerId: 'ada', amount };
  }

  async function balanceOf(account: string, currency: string): Promise<number> {
    const found = (await ledger.balances()).find(
      (each) => each.account === account && each.currency === currency,
    );
    return found?.balanceMinor ?? 0;
  }

  test('I04, I05: charges and refunds booked at the same time leave every operation balanced', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `many-${index}`);
    await Promise.all(
      names.map(async (name, index) => {
        const currency = index % 3 === 0 ? 'JPY' : 'EUR';
        await database.transaction(async (tx) =>
          ledger.book(tx, entriesOfCharge(payment(name, 'action', currency))),
        );
        if (index % 2 === 0) return;
        const undo = payment(name, 'compensation', currency);
        await database.transaction(async (tx) => ledger.book(tx, entriesOfRefund(undo)));
      }),
    );
    expect(await database.read(unbalanced)).toEqual([]);
    expect(await database.read(derived)).toEqual([]);
    expect(await balanceOf(merchantAccount, 'EUR')).toBe(33 * 1_250);
    expect(await balanceOf(merchantAccount, 'JPY')).toBe(17 * 1_250);
    expect(await balanceOf(customerAccount('ada'), 'EUR')).toBe(0);
  });

  test('I12: money is never booked twice under one operation', async () => {
    const entries = entriesOfCharge(payment('twice', 'action'));
    const before = await balanceOf(merchantAccount, 'EUR');
    await database.transaction(async (tx) => ledger.book(tx, entries));
    const again = database.transaction(async (tx) => ledger.book(tx, entries));
    await expect(again).rejects.toMatchObject({ code: 'DATA_REJECTED', retryable: false });
    expect(await balanceOf(merchantAccount, 'EUR')).toBe(before + 1_250);
  });

  test('I13: a refund books its charge where that is missing, and only there', async () => {
    const before = await balanceOf(merchantAccount, 'EUR');
    await database.transaction(async (tx) => ledger.book(tx, entriesOfCharge(payment('known', 'action'))));
    for (const name of ['known', 'lost']) {
      await database.transaction(async (tx) => {
        ledger.bookMissing(tx, entriesOfCharge(payment(name, 'action')));
        ledger.book(tx, entriesOfRefund(payment(name, 'compensation')));
      });
    }
    expect(await balanceOf(merchantAccount, 'EUR')).toBe(before);
    expect(await database.read(unbalanced)).toEqual([]);
  });

  test('I06: the largest amount stays exact', async () => {
    const amount = { amountMinor: 1_000_000_000_000, currency: 'EUR' as const };
    const large = { ...payment('large', 'action'), customerId: 'bo', amount };
    const before = await balanceOf(merchantAccount, 'EUR');
    await database.transaction(async (tx) => ledger.book(tx, entriesOfCharge(large)));
    expect(await balanceOf(merchantAccount, 'EUR')).toBe(before + 1_000_000_000_000);
  });
});
