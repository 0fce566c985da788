/**
 * Effects: each happened once, no undo without its do, and nothing after its undo; inside by the barriers and the books,
 * outside by the providers' ledgers. An effect's operation id is `transaction/branch/half`, so rows explain each other.
 */
import { rowsCheck, type Check, type Question } from '../check.js';
import { doing, undoing } from '../halves.js';

/** What the database itself had prepared leaves nothing behind when it is rolled back, not even the row of its prepare. */
const leavesNothing = `(operation = 'rollback' and not exists (select from barrier did
    where did.transaction_id = barrier.transaction_id and did.branch_id = barrier.branch_id
      and did.operation = 'prepare' and did.outcome = 'succeeded'))`;

const barrierOperations = `select transaction_id || '/' || branch_id || '/' || operation as operation_id, count(*) as times
  from barrier where outcome = 'succeeded' and not ${leavesNothing} group by 1`;

/** Every effect has exactly one barrier row that says so, and every such row has its effect. */
function explained(service: Question['service'], effects: string): Question {
  return {
    service,
    sql: `select coalesce(e.operation_id, b.operation_id) as operation_id, e.operation_id is not null as "hasEffect",
        coalesce(b.times, 0) as "barrierRows"
      from (select distinct operation_id from ${effects}) as e
      full join (${barrierOperations}) as b on b.operation_id = e.operation_id
      where e.operation_id is null or b.times is distinct from 1`,
  };
}

const external: readonly Question['service'][] = ['payment', 'shipping'];
const undoable: readonly Question['service'][] = ['inventory', ...external];

/** Branches whose halves stand in a relation that must not be. */
function branchesWith(having: string): readonly Question[] {
  return undoable.map((service) => ({
    service,
    sql: `select transaction_id::text as "transactionId", branch_id as branch,
        string_agg(operation || ' ' || outcome, ', ' order by operation, outcome) as found
      from barrier where not ${leavesNothing} group by transaction_id, branch_id having ${having}`,
  }));
}

const did = `bool_or(operation in ${doing} and outcome = 'succeeded')`;
const undid = `bool_or(operation in ${undoing} and outcome = 'succeeded')`;
const undidNothing = `bool_or(operation in ${undoing} and outcome = 'empty')`;
const isPlanted = `bool_or(operation in ${doing} and outcome = 'planted')`;

/** The rows by which an order is told its end: where it was only held, that is no end yet. */
const endsOrder = `outcome = 'succeeded' and (operation in ('action', 'confirm', 'commit')
    or (operation = 'prepare' and branch_id = 'confirm-order'))`;

const once: Check = rowsCheck({
  id: 'I12',
  always: true,
  title: 'each step took effect at most once, and every effect is explained by one barrier row',
  questions: [
    explained('inventory', `stock_move where transaction_id is not null`),
    explained('payment', 'ledger_entry'),
    explained('shipping', 'shipment_move'),
    {
      service: 'order',
      sql: `select order_id::text as "orderId", status, count(barrier) as "barrierRows"
        from orders left join barrier on transaction_id = order_id and ${endsOrder}
        group by order_id, status having count(barrier) <> case status when 'PENDING' then 0 else 1 end`,
    },
    {
      service: 'payment',
      sql: `select reference as "orderId", kind, count(*) as times from outside_card
        where kind in ('charge', 'capture', 'refund') group by reference, kind having count(*) > 1`,
    },
    {
      service: 'shipping',
      sql: `select reference as "orderId", kind, count(*) as times from outside_parcel
        where kind in ('shipment', 'confirmation', 'cancellation') group by reference, kind having count(*) > 1`,
    },
  ],
});

const noUndoAlone: Check = rowsCheck({
  id: 'I13',
  always: true,
  title: 'nothing was undone that was not done',
  questions: [
    ...branchesWith(`${undid} and not ${did}`),
    {
      service: 'inventory',
      sql: `select back.transaction_id as "transactionId", back.sku, back.kind, back.quantity, first.quantity as before
        from stock_move back left join stock_move first
          on first.transaction_id = back.transaction_id and first.sku = back.sku
          and first.kind = case back.kind when 'returned' then 'taken' else 'held' end
        where back.kind in ('returned', 'deducted', 'released') and first.quantity is distinct from back.quantity`,
    },
    {
      service: 'payment',
      sql: `select back.transaction_id as "transactionId", -back.amount_minor as "refundedMinor",
          paid.amount_minor as "chargedMinor"
        from ledger_entry back left join ledger_entry paid on paid.transaction_id = back.transaction_id
          and paid.account = 'merchant' and paid.kind = 'charge' and paid.currency = back.currency
        where back.account = 'merchant' and back.kind = 'refund'
          and paid.amount_minor is distinct from -back.amount_minor`,
    },
    {
      service: 'payment',
      sql: `select back.transaction_id as "transactionId", -back.amount_minor as "releasedMinor",
          held.amount_minor as "heldMinor"
        from ledger_entry back left join ledger_entry held on held.transaction_id = back.transaction_id
          and held.account = back.account and held.kind = 'hold' and held.currency = back.currency
        where back.account like 'hold:%' and back.kind = 'release'
          and held.amount_minor is distinct from -back.amount_minor`,
    },
    {
      service: 'shipping',
      sql: `select back.transaction_id as "transactionId", back.branch_id as branch, back.kind from shipment_move back
        where back.kind in ('cancelled', 'released') and not exists (select from shipment_move made
          where made.kind = case back.kind when 'cancelled' then 'created' else 'held' end
          and made.transaction_id = back.transaction_id and made.branch_id = back.branch_id)`,
    },
  ],
});

const nothingAfterUndo: Check = rowsCheck({
  id: 'I14',
  always: true,
  title: 'nothing was done after it had been undone, nor where its undo had closed the door',
  questions: [
    ...branchesWith(`${did} and (${undidNothing} or ${isPlanted})`),
    {
      service: 'inventory',
      sql: `select taken.transaction_id as "transactionId", taken.sku from stock_move taken join stock_move back
          on back.transaction_id = taken.transaction_id and back.sku = taken.sku
          and back.kind in ('returned', 'released')
        where taken.kind in ('taken', 'held', 'deducted') and taken.occurred_at > back.occurred_at`,
    },
    {
      service: 'payment',
      sql: `select paid.transaction_id as "transactionId", paid.amount_minor as "chargedMinor"
        from ledger_entry paid join ledger_entry back on back.transaction_id = paid.transaction_id
          and back.account = 'merchant' and back.kind = 'refund'
        where paid.account = 'merchant' and paid.kind = 'charge' and paid.occurred_at > back.occurred_at`,
    },
    {
      service: 'shipping',
      sql: `select made.transaction_id as "transactionId", made.branch_id as branch from shipment_move made
        join shipment_move back on back.transaction_id = made.transaction_id and back.branch_id = made.branch_id
          and back.kind in ('cancelled', 'released')
        where made.kind in ('created', 'held') and made.occurred_at > back.occurred_at`,
    },
  ],
});

const nothingAfterUndoOutside: Check = rowsCheck({
  id: 'I14',
  always: true,
  title: 'no provider did anything under a key that was closed or undone before',
  needs: 'providers',
  questions: [
    {
      service: 'payment',
      sql: `select made.key, made.kind, closed.kind as "closedBy" from outside_card made
        join outside_card closed on closed.payment_key = made.key and closed.position < made.position
        where made.kind in ('charge', 'authorize')`,
    },
    {
      service: 'shipping',
      sql: `select made.key, made.kind, closed.kind as "closedBy" from outside_parcel made
        join outside_parcel closed on closed.parcel_key = made.key and closed.position < made.position
        where made.kind in ('shipment', 'booking')`,
    },
  ],
});

/** A shipment's state and its log, both ways; then our log and the carrier's ledger, both ways. */
const parcels: readonly Check[] = [
  rowsCheck({
    id: 'I09',
    title: 'every shipment stands as its own moves say',
    questions: [
      {
        service: 'shipping',
        sql: `select coalesce(s.transaction_id, m.transaction_id) as "transactionId", s.status, m.kinds as moves
          from shipment s full join (
            select transaction_id, branch_id, string_agg(kind, ' ' order by kind desc) as kinds from shipment_move group by 1, 2
          ) as m on m.transaction_id = s.transaction_id and m.branch_id = s.branch_id
          where not coalesce(m.kinds = any (case s.status when 'held' then array['held']
            when 'booked' then array['created', 'held created']
            when 'cancelled' then array['created cancelled', 'released held'] end), false)`,
      },
    ],
  }),
  rowsCheck({
    id: 'R27',
    title: 'every parcel and cancellation of the carrier is logged once, and every logged one was made',
    needs: 'providers',
    questions: [
      {
        service: 'shipping',
        sql: `select coalesce(o.branch, m.branch) as branch, coalesce(o.kind, m.kind) as kind,
            coalesce(o.times, 0) as "outside", coalesce(m.times, 0) as "logged"
          from (
            select coalesce(parcel_key, key) as branch, case kind when 'booking' then 'held'
                when 'cancellation' then case when exists (select from outside_parcel held
                  where held.kind = 'booking' and held.key = done.parcel_key) then 'released' else 'cancelled' end
                else 'created' end as kind, count(*) as times
            from outside_parcel done where kind in ('shipment', 'booking', 'confirmation', 'cancellation') group by 1, 2
          ) as o full join (
            select transaction_id || '/' || branch_id as branch, kind, count(*) as times from shipment_move group by 1, 2
          ) as m on m.branch = o.branch and m.kind = o.kind
          where o.times is distinct from 1 or m.times is distinct from 1`,
      },
    ],
  }),
];

export const effectChecks: readonly Check[] = [
  once,
  noUndoAlone,
  nothingAfterUndo,
  nothingAfterUndoOutside,
  ...parcels,
];
