/**
 * The books of payment in Postgres: entries go in, balances are summed out. Entries ride with the commit of the batch
 * that settles the charges, so a recorded charge and its barrier row are one.
 * It decides nothing about money: `payment.ts` does.
 */
import assert from 'node:assert/strict';
import { PostgresTx, statement } from '@sagamore/postgres';
import { Database, type Tx } from '@sagamore/runtime';
import type { LedgerEntry } from './payment.js';

/** What one account holds of one currency, derived from its entries. */
export interface Balance {
  readonly account: string;
  readonly currency: string;
  readonly balanceMinor: number;
}

type BalanceRow = { readonly account: string; readonly currency: string; readonly balance_minor: string };

const columns = 'operation_id, transaction_id, account, kind, currency, amount_minor';
const given = 'unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])';

const appendEntries = statement(
  'ledger-append',
  `insert into ledger_entry (${columns}) select * from ${given}`,
);

const appendMissing = statement(
  'ledger-append-missing',
  `insert into ledger_entry (${columns}) select * from ${given} on conflict (operation_id, account, kind) do nothing`,
);

const readBalances = statement(
  'ledger-balances',
  'select account, currency, balance_minor from account_balance order by account, currency',
);

/** The append-only ledger. */
export class LedgerStore {
  constructor(private readonly database: Database) {}

  /** Books entries that are new, with the commit of `tx`. One that stands there already makes the commit fail with
   *  `DATA_REJECTED`: money is never booked twice. */
  book(tx: Tx, entries: readonly LedgerEntry[]): void {
    if (entries.length > 0) postgres(tx).last(appendEntries, valuesOf(entries));
  }

  /** Books what is not there yet, with the commit of `tx`, BEFORE what is booked after it. Idempotent. */
  bookMissing(tx: Tx, entries: readonly LedgerEntry[]): void {
    if (entries.length > 0) postgres(tx).last(appendMissing, valuesOf(entries));
  }

  /** Every account's balance, by account and currency. */
  async balances(): Promise<readonly Balance[]> {
    const rows = await this.database.transaction((tx) => postgres(tx).query<BalanceRow>(readBalances, []));
    return rows.map(({ account, currency, balance_minor }) => ({
      account,
      currency,
      balanceMinor: Number(balance_minor),
    }));
  }
}

function valuesOf(entries: readonly LedgerEntry[]): readonly unknown[] {
  return [
    entries.map(({ operationId }) => operationId),
    entries.map(({ transactionId }) => transactionId),
    entries.map(({ account }) => account),
    entries.map(({ kind }) => kind),
    entries.map(({ currency }) => currency),
    entries.map(({ amountMinor }) => amountMinor),
  ];
}

function postgres(tx: Tx): PostgresTx {
  assert(
    tx instanceof PostgresTx,
    'the ledger is kept in Postgres: a transaction of its database was wanted',
  );
  return tx;
}
