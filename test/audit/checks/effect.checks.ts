/**
 * Effects: each happened once, no undo without its do, and nothing after its undo; inside by the barriers and the books,
 * outside by the providers' ledgers. An effect's operation id is `transaction/branch/half`, so rows explain each other.
 */
import { rowsCheck, type Check, type Question } from '../check.js';

const barrierOperations = `select transaction_id || '/' || branch_id || '/' || operation as operation_id, count(*) as times
  from barrier where outcome = 'succeeded' group by 1`;

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

/** Branches whose halves stand in a relation that must not be: `undo` took effect beside `action`. */
function branchesWith(having: string): readonly Question[] {
  return undoable.map((service) => ({
    service,
    sql: `select transaction_id::text as "transactionId", branch_id as branch,
        string_agg(operation || ' ' || outcome, ', ' order by operation, outcome) as found
      from barrier group by transaction_id, branch_id having ${having}`,
  }));
}

const did = `bool_or(operation = 'action' and outcome = 'succeeded')`;
const undid = `bool_or(operation = 'compensation' and outcome = 'succeeded')`;
const undidNothing = `bool_or(operation = 'compensation' and outcome = 'empty')`;
const isPlanted = `bool_or(operation = 'action' and outcome = 'planted')`;

const once: Check = rowsCheck({
  id: 'I12',
  title: 'each step took effect at most once, and every effect is explained by one barrier row',
  questions: [
    explained('inventory', `stock_move where transaction_id is not null`),
    explained('payment', 'ledger_entry'),
    explained('shipping', 'shipment_move'),
    {
      service: 'order',
      sql: `select order_id::text as "orderId", status, count(barrier) as "barrierRows"
        from orders left join barrier on transaction_id = order_id and outcome = 'succeeded'
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
  title: 'nothing was undone that was not done',
  questions: [
    ...branchesWith(`${undid} and not ${did}`),
    {
      service: 'inventory',
      sql: `select back.transaction_id as "transactionId", back.sku, back.quantity as returned, taken.quantity as taken
        from stock_move back left join stock_move taken
          on taken.transaction_id = back.transaction_id and taken.sku = back.sku and taken.kind = 'taken'
        where back.kind = 'returned' and taken.quantity is distinct from back.quantity`,
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
      service: 'shipping',
      sql: `select back.transaction_id as "transactionId", back.branch_id as branch, back.kind from shipment_move back
        where back.kind = 'cancelled' and not exists (select from shipment_move made where made.kind = 'created'
          and made.transaction_id = back.transaction_id and made.branch_id = back.branch_id)`,
    },
  ],
});

const nothingAfterUndo: Check = rowsCheck({
  id: 'I14',
  title: 'nothing was done after it had been undone, nor where its undo had closed the door',
  questions: [
    ...branchesWith(`${did} and (${undidNothing} or ${isPlanted})`),
    {
      service: 'inventory',
      sql: `select taken.transaction_id as "transactionId", taken.sku from stock_move taken join stock_move back
          on back.transaction_id = taken.transaction_id and back.sku = taken.sku and back.kind = 'returned'
        where taken.kind = 'taken' and taken.occurred_at > back.occurred_at`,
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
          and back.kind = 'cancelled'
        where made.kind = 'created' and made.occurred_at > back.occurred_at`,
    },
  ],
});

const nothingAfterUndoOutside: Check = rowsCheck({
  id: 'I14',
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
          where m.kinds is distinct from case s.status when 'booked' then 'created' when 'cancelled' then 'created cancelled' end`,
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
        sql: `select coalesce(o.operation_id, m.operation_id) as operation_id, coalesce(o.times, 0) as "outside",
            m.operation_id is not null as logged
          from (
            select case kind when 'shipment' then key || '/action' when 'confirmation' then parcel_key || '/action'
                else parcel_key || '/compensation' end as operation_id, count(*) as times
            from outside_parcel where kind in ('shipment', 'confirmation', 'cancellation') group by 1
          ) as o full join shipment_move m on m.operation_id = o.operation_id
          where m.operation_id is null or o.times is distinct from 1`,
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
