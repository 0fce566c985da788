/**
 * Transactions: what the orchestrator's rows must say of themselves, and what must be left of nobody once it is quiet.
 */
import { placeOrder } from '../../../apps/orchestrator/src/transactions/place-order.saga.js';
import { rowsCheck, type Check } from '../check.js';

/** The documented maximum of attempts for each half of each branch, as columns for `unnest`. */
function attemptLimits(): readonly [readonly string[], readonly string[], readonly number[]] {
  const { steps, onCompensated } = placeOrder;
  const told = onCompensated === undefined ? steps : [...steps, onCompensated];
  const rows = told.flatMap(({ name, retry, undoRetry }) => [
    { name, half: 'action', attemptsMax: retry.attemptsMax },
    { name, half: 'compensation', attemptsMax: undoRetry.attemptsMax },
  ]);
  return [
    rows.map(({ name }) => name),
    rows.map(({ half }) => half),
    rows.map(({ attemptsMax }) => attemptsMax),
  ];
}

// The first word that a half was done, by its place in the journal.
const firstSuccess = `select transaction_id, event ->> 'branchId' as branch, event ->> 'operation' as half, min(seq) as seq
  from journal where event ->> 'type' = 'replied' and event -> 'reply' ->> 'outcome' = 'succeeded' group by 1, 2, 3`;

export const transactionChecks: readonly Check[] = [
  rowsCheck({
    id: 'I10',
    title: 'every transaction is at rest: completed, compensated, or parked with a reason',
    questions: [
      {
        service: 'orchestrator',
        sql: `select transaction_id::text as "transactionId", status, phase, reason ->> 'kind' as reason from transaction
          where not coalesce(case phase
            when 'final' then status in ('completed', 'compensated')
            when 'parked' then status = 'parked' and reason ->> 'kind' <> '' end, false)
          order by transaction_id`,
      },
    ],
  }),
  rowsCheck({
    id: 'I16',
    title: 'what was undone was undone in the reverse order',
    questions: [
      {
        service: 'orchestrator',
        sql: `with success as materialized (${firstSuccess}),
          pair as (select d.transaction_id, d.branch, d.seq as done, u.seq as undone
            from success d join success u on u.transaction_id = d.transaction_id and u.branch = d.branch
              and u.half = 'compensation'
            where d.half = 'action')
          select one.transaction_id::text as "transactionId", one.branch as "undoneFirst", other.branch as "undoneLater"
          from pair one join pair other on other.transaction_id = one.transaction_id
          where one.done < other.done and one.undone < other.undone`,
      },
    ],
  }),
  rowsCheck({
    id: 'I19',
    title: 'no prepared database transaction is left',
    questions: (['order', 'inventory', 'payment', 'shipping', 'orchestrator'] as const).map((service) => ({
      service,
      sql: `select gid, prepared::text from pg_prepared_xacts
        where database = current_database()`,
    })),
  }),
  rowsCheck({
    id: 'I21',
    title: 'no message is left in an outbox',
    questions: (['order', 'inventory', 'payment', 'shipping', 'orchestrator'] as const).map((service) => ({
      service,
      sql: `select id, message ->> 'type' as type, message ->> 'topic' as topic, key from outbox order by outbox.id`,
    })),
  }),
  rowsCheck({
    id: 'I26',
    title: 'in every journal the owner epoch never decreases, and no event is missing',
    questions: [
      {
        service: 'orchestrator',
        sql: `select transaction_id::text as "transactionId", seq, before as "epochBefore", epoch from (
            select transaction_id, seq, epoch, lag(epoch) over journal_of as before, lag(seq) over journal_of as last
            from journal window journal_of as (partition by transaction_id order by seq)) as told
          where epoch < before or seq <> last + 1`,
      },
    ],
  }),
  rowsCheck({
    id: 'I33',
    title: 'nothing was attempted more often than its policy allows',
    questions: [
      {
        service: 'orchestrator',
        sql: `select told.*, attempts_max as "attemptsMax" from (
            select transaction_id::text as "transactionId", event ->> 'branchId' as branch, event ->> 'operation' as half,
              max((event ->> 'attempt')::int) as attempts
            from journal where event ->> 'type' = 'replied' group by transaction_id, 2, 3) as told
          join unnest($1::text[], $2::text[], $3::int[]) as policy (branch, half, attempts_max) using (branch, half)
          where attempts > attempts_max`,
        values: attemptLimits(),
      },
    ],
  }),
];
