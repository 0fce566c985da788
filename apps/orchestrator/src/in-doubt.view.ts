/**
 * What an operator is shown of doubt: the branches of two-phase commit that may have voted yes and have not acknowledged how
 * it ended, from the coordinator's own journal. Pure; the controller fetches.
 */
import type { Protocol, SendCommand, StepView } from '@sagamore/engine';
import type { StoredTransaction } from '@sagamore/runtime';
import { z } from 'zod';

export const inDoubtView = z.object({
  /** Its name in `pg_prepared_xacts`, where its database keeps it; what is held outside has the branch's name alone. */
  gid: z.string(),
  participant: z.string(),
  transactionId: z.string(),
  branch: z.string(),
  definition: z.string(),
  /** Where the transaction stands. */
  status: z.string(),
  /** `unknown`: it was asked for a vote, and none has come. */
  vote: z.enum(['yes', 'unknown']),
  /** Since it was asked to prepare. */
  ageMs: z.number(),
});

export const inDoubtList = z.object({ items: z.array(inDoubtView), isTruncated: z.boolean() });

export type InDoubtView = z.infer<typeof inDoubtView>;

/** The branches in doubt of one transaction, in the order in which they were asked; none where its protocol never
 *  prepares. `now`: ms of the store's clock. */
export function inDoubtOf(
  { transactionId, definition, status, input, startedAt, events }: StoredTransaction,
  protocol: Protocol,
  now: number,
): readonly InDoubtView[] {
  const start = { transactionId, input, at: startedAt };
  const lines = protocol.timeline(start, events);
  return protocol.begin(start).commands.flatMap((command) => {
    if (command.type !== 'send' || command.operation !== 'prepare') return [];
    const asked = doubtIn(command, lines);
    if (asked === undefined) return [];
    const { participant, branchId: branch } = command;
    const vote = asked.outcome === 'succeeded' ? 'yes' : 'unknown';
    const gid = `${participant}:${transactionId}:${branch}`;
    const ageMs = Math.max(0, now - asked.at);
    return [{ gid, participant, transactionId, branch, definition, status, vote, ageMs }];
  });
}

/** The line of its vote, while it is bound by it. */
function doubtIn({ branchId }: SendCommand, lines: readonly StepView[]): StepView | undefined {
  const own = lines.filter(({ name }) => name === branchId);
  const vote = own.find(({ operation }) => operation === 'prepare');
  const hasEnded = own.some(
    ({ operation, outcome }) => operation !== 'prepare' && (outcome === 'succeeded' || outcome === 'empty'),
  );
  return vote === undefined || vote.outcome === 'refused' || hasEnded ? undefined : vote;
}
