/**
 * Transactions: what the orchestrator's rows must say of themselves, and what must be left of nobody once it is quiet.
 */
import { placeOrder } from '../../../apps/orchestrator/src/transactions/place-order.saga.js';
import { placeOrderTcc } from '../../../apps/orchestrator/src/transactions/place-order.tcc.js';
import { placeOrderTwoPhaseCommit } from '../../../apps/orchestrator/src/transactions/place-order.two-phase-commit.js';
import { rowsCheck, type Check } from '../check.js';
import { finalStatuses, givenUp, ofAnOrder, onlyWaiting } from '../halves.js';

interface AttemptLimit {
  readonly definition: string;
  readonly branch: string;
  readonly half: string;
  readonly attemptsMax: number;
}

function sagaLimits(): readonly AttemptLimit[] {
  const { name: definition, steps, onCompensated } = placeOrder;
  const told = onCompensated === undefined ? steps : [...steps, onCompensated];
  return told.flatMap(({ name: branch, retry, undoRetry }) => [
    { definition, branch, half: 'action', attemptsMax: retry.attemptsMax },
    { definition, branch, half: 'compensation', attemptsMax: undoRetry.attemptsMax },
  ]);
}

interface Round {
  readonly name: string;
  readonly branches: readonly RoundBranch[];
}

type RoundBranch = Pick<(typeof placeOrderTcc.branches)[number], 'name' | 'retry' | 'settleRetry'>;

/** Of a protocol that asks all at once: `first` is asked under the branch's `retry`, all that settles under the other. */
function roundLimits(
  { name: definition, branches }: Round,
  closing: RoundBranch | undefined,
  [first, ...settling]: readonly [string, ...string[]],
): readonly AttemptLimit[] {
  const told = branches.flatMap(({ name: branch, retry, settleRetry }) => [
    { definition, branch, half: first, attemptsMax: retry.attemptsMax },
    ...settling.map((half) => ({ definition, branch, half, attemptsMax: settleRetry.attemptsMax })),
  ]);
  if (closing === undefined) return told;
  const { name: branch, settleRetry } = closing;
  return [...told, { definition, branch, half: 'action', attemptsMax: settleRetry.attemptsMax }];
}

/** The documented maximum of attempts for each half of each branch, as columns for `unnest`. */
function attemptLimits(): readonly (readonly (string | number)[])[] {
  const rows = [
    ...sagaLimits(),
    ...roundLimits(placeOrderTcc, placeOrderTcc.onCancelled, ['try', 'confirm', 'cancel']),
    ...roundLimits(placeOrderTwoPhaseCommit, placeOrderTwoPhaseCommit.onAborted, [
      'prepare',
      'commit',
      'rollback',
    ]),
  ];
  return [
    rows.map(({ definition }) => definition),
    rows.map(({ branch }) => branch),
    rows.map(({ half }) => half),
    rows.map(({ attemptsMax }) => attemptsMax),
  ];
}

/** When the word came that a half was done, by its place in the journal; later words repeat it. */
function firstSuccess(half: 'action' | 'compensation'): string {
  return `min(seq) filter (where event ->> 'operation' = '${half}')`;
}

/** By their places in the journal; a decision is saved BEFORE the first commit is sent (I20). */
const decidedAt = `min(seq) filter (where event ->> 'type' = 'decided' and event ->> 'decision' = 'commit')`;
const committedAt = `min(seq) filter (where event ->> 'type' = 'replied' and event ->> 'operation' = 'commit'
    and event -> 'reply' ->> 'outcome' = 'succeeded')`;

export const transactionChecks: readonly Check[] = [
  rowsCheck({
    id: 'I10',
    title:
      'every transaction is at rest: at the good or the bad end of its protocol, given up or parked with a reason, or waiting for long',
    questions: [
      {
        service: 'orchestrator',
        sql: `select transaction_id::text as "transactionId", status, phase, reason ->> 'kind' as reason from transaction
          where not coalesce(case phase
            when 'moving' then (${onlyWaiting})
            when 'held' then status = 'completed'
            when 'final' then status in ${finalStatuses} or status = '${givenUp}' and reason ->> 'kind' <> ''
            when 'parked' then status = 'parked' and reason ->> 'kind' <> '' end, false)
          order by transaction_id`,
      },
    ],
  }),
  rowsCheck({
    id: 'I16',
    title: 'what was undone of an order was undone in the reverse order',
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
              from journal join transaction using (transaction_id)
              where ${ofAnOrder} and event ->> 'type' = 'replied' and event -> 'reply' ->> 'outcome' = 'succeeded'
              group by 1, 2) as half
            where done is not null and undone is not null
            window by_done as (partition by transaction_id order by done)) as neighbours
          where first < later`,
      },
    ],
  }),
  rowsCheck({
    id: 'I18',
    title: 'every two-phase commit ended as it was decided: committed with the decision, aborted without',
    questions: [
      {
        service: 'orchestrator',
        sql: `select transaction_id::text as "transactionId", status, ${decidedAt} is not null as decided
          from transaction join journal using (transaction_id) where status in ('committed', 'aborted')
          group by transaction_id, status
          having (status = 'committed') <> (${decidedAt} is not null)`,
      },
    ],
  }),
  rowsCheck({
    id: 'I20',
    always: true,
    title: 'no commit was acknowledged before the decision to commit was durable',
    questions: [
      {
        service: 'orchestrator',
        sql: `select transaction_id::text as "transactionId", ${decidedAt} as "decidedAt", ${committedAt} as "committedAt"
          from journal group by transaction_id having ${committedAt} is not null
            and not coalesce(${decidedAt} < ${committedAt}, false)`,
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
    always: true,
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
    always: true,
    title: 'nothing was attempted more often than its policy allows',
    questions: [
      {
        service: 'orchestrator',
        sql: `select told.*, attempts_max as "attemptsMax" from (
            select transaction_id::text as "transactionId", definition, event ->> 'branchId' as branch,
              event ->> 'operation' as half, max((event ->> 'attempt')::int) as attempts
            from journal join transaction using (transaction_id) where event ->> 'type' = 'replied'
            group by transaction_id, definition, 3, 4) as told
          join unnest($1::text[], $2::text[], $3::text[], $4::float8[]) as policy (definition, branch, half, attempts_max)
            using (definition, branch, half)
          where attempts > attempts_max`,
        values: attemptLimits(),
      },
    ],
  }),
  rowsCheck({
    id: 'S101',
    title: 'no lock is held or waited for by a transaction that has come to its end',
    questions: [
      {
        service: 'orchestrator',
        sql: `select transaction_id::text as "transactionId", branch_id as branch, key, status from semantic_lock
          left join transaction using (transaction_id) where coalesce(phase = 'final', true) order by place`,
      },
    ],
  }),
];
