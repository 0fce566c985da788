/**
 * Money: what payment's books must say among themselves, and against the card network's own ledger (R27).
 */
import { rowsCheck, type Check } from '../check.js';

const outsideAccount = `'card-network'`;

/** The provider's entries of some kinds against ours of one kind, by the branch that both belong to. Both ways at once. */
function reconciled(kinds: string, kind: LedgerKind): string {
  return `select coalesce(o.branch, b.branch) as branch, o.amount_minor as "outsideMinor",
      b.amount_minor as "bookedMinor", o.currency as "outsideCurrency", b.currency as "bookedCurrency"
    from (${outside(kinds)}) as o full join (${booked(kind)}) as b on b.branch = o.branch and b.currency = o.currency
    where o.amount_minor is distinct from b.amount_minor`;
}

type LedgerKind = 'deposit' | 'withdrawal' | 'hold' | 'release';

/** A branch's key is that of its action at the provider; whatever settles it names it. */
function outside(kinds: string): string {
  return `select coalesce(payment_key, key) as branch, currency, sum(amount_minor) as amount_minor
    from outside_card where kind in (${kinds}) and amount_minor <> 0 group by 1, 2`;
}

/** An operation id is the branch's key and the half. */
function booked(kind: LedgerKind): string {
  return `select regexp_replace(operation_id, '/[^/]+$', '') as branch, currency,
      sum(abs(amount_minor)) as amount_minor
    from ledger_entry where kind = '${kind}' and account <> ${outsideAccount} group by 1, 2`;
}

export const moneyChecks: readonly Check[] = [
  rowsCheck({
    id: 'I04',
    title: 'the sum of all accounts changes only by what cards paid in, hold, or were given back',
    questions: [
      {
        service: 'payment',
        sql: `select currency, sum(amount_minor) filter (where account <> ${outsideAccount}) as balances,
            coalesce(-sum(amount_minor) filter (where account = ${outsideAccount}), 0) as deposits
          from ledger_entry group by currency having sum(amount_minor) <> 0 order by 1`,
      },
    ],
  }),
  rowsCheck({
    id: 'I05',
    always: true,
    title: 'every account is the sum of its own entries, and every operation books as much as it takes',
    questions: [
      {
        service: 'payment',
        sql: `select account, currency, balance_minor, summed.net as entries
          from account_balance full join (
            select account, currency, sum(amount_minor) as net from ledger_entry group by account, currency
          ) as summed using (account, currency)
          where balance_minor is distinct from summed.net order by 1, 2`,
      },
      {
        service: 'payment',
        sql: `select operation_id, currency, sum(amount_minor) as net from ledger_entry
          group by operation_id, currency having sum(amount_minor) <> 0`,
      },
    ],
  }),
  rowsCheck({
    id: 'I06',
    always: true,
    title: 'money is whole minor units, and no account is overdrawn',
    questions: [
      {
        service: 'payment',
        sql: `select operation_id, account, amount_minor from ledger_entry
          where amount_minor = 0 or amount_minor <> trunc(amount_minor::numeric)`,
      },
      {
        service: 'payment',
        sql: `select account, currency, sum(amount_minor) as balance from ledger_entry
          where account <> ${outsideAccount} group by account, currency having sum(amount_minor) < 0 order by 1, 2`,
      },
    ],
  }),
  rowsCheck({
    id: 'R27',
    title: 'every charge of the card network is booked once, and every booked one was made',
    needs: 'providers',
    questions: [
      {
        service: 'payment',
        sql: reconciled(`'charge', 'capture'`, 'deposit'),
      },
    ],
  }),
  rowsCheck({
    id: 'R27',
    title: 'every refund of the card network is booked once, and every booked one was made',
    needs: 'providers',
    questions: [
      {
        service: 'payment',
        sql: reconciled(`'refund'`, 'withdrawal'),
      },
    ],
  }),
  rowsCheck({
    id: 'R27',
    title:
      'every hold of the card network, and every end of one, is booked once, and every booked one was made',
    needs: 'providers',
    questions: [
      { service: 'payment', sql: reconciled(`'authorize'`, 'hold') },
      { service: 'payment', sql: reconciled(`'capture', 'void'`, 'release') },
    ],
  }),
];
