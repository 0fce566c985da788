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

/** When the word came that a half was done, by its place in the journal; later words repeat it. */
function firstSuccess(half: 'action' | 'compensation'): string {
  return `min(seq) filter (where event ->> 'operation' = '${half}')`;
}

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
        // Sorted by the dos, the undos must fall: each is compared with its neighbour alone, or many would be too many.
        sql: `select * from (
            select transaction_id::text as "transactionId",
              lag(branch) over by_done as "undoneFirst", branch as "undoneLater",
              lag(undone) over by_done as first, undone as later
            from (
              select transaction_id, event ->> 'branchId' as branch, ${firstSuccess('action')} as done,
                ${firstSuccess('compensation')} as undone
              from journal
              where event ->> 'type' = 'replied' and event -> 'reply' ->> 'outcome' = 'succeeded'
              group by 1, 2) as half
            where done is not null and undone is not null
            window by_done as (partition by transaction_id order by done)) as neighbours
          where first < later`,
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
