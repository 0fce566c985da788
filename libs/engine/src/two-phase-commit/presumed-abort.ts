/**
 * What is known of a transaction of which nothing is known: that it was not committed, and from now on never will be.
 * Somebody in doubt asked for it. Before he may be told to roll back, a row of this protocol takes the transaction's place
 * in the journal: a start that was lost there and comes again then finds it taken. Without it he could vote yes to that
 * start, and the rollback that is still on its way would break the commit that his vote led to.
 */
import type { Transition } from '../machine.js';
import type { Undo } from '../operation.js';
import type { Standing } from '../standing.js';
import type { Protocol, ProtocolCommand, SendCommand, TransactionEvent } from '../transaction.js';

const standing: Standing = { status: 'aborted', phase: 'final', reason: { kind: 'undecided' } };
const none: readonly ProtocolCommand[] = Object.freeze([]);

/** Final from its beginning; whoever asks is told to roll back (S67, S70). Nobody starts one by name. */
export const presumedAbortProtocol: Protocol<Standing> = {
  kind: 'two-phase-commit',
  name: 'presumed-abort',
  version: 1,
  participants: [],
  begin: () => {
    const { reason } = standing;
    const announce = {
      type: 'announce',
      outcome: 'aborted',
      ...(reason !== undefined && { reason }),
    } as const;
    return { state: standing, commands: [announce] };
  },
  transition,
  outstanding: () => [],
  dueAt: () => undefined,
  standing: (state) => state,
  retryOf: () => undefined,
  timeline: () => [],
};

function transition(state: Standing, event: TransactionEvent): Transition<Standing, ProtocolCommand> {
  if (event.type !== 'decision-asked' || event.participant === undefined) return { state, commands: none };
  return { state, commands: [rollback(event.participant, event.branchId)] };
}

/** The platform settles what it has prepared itself, so no definition is needed to name the message. */
function rollback(participant: string, branchId: string): SendCommand {
  const payload: Undo = { input: null, outcome: 'unknown' };
  return {
    type: 'send',
    participant,
    messageType: `${participant}.rollback-prepared`,
    branchId,
    operation: 'rollback',
    generation: 1,
    attempt: 1,
    payload,
  };
}
