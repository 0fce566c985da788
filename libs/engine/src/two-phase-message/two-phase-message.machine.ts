/**
 * A message that is sent if, and only if, the sender's local transaction committed, as a pure machine: announced first,
 * it waits for the sender's word, and asks for it when the word does not come (S74). A yes delivers, a no discards, and
 * silence is neither. The sender's word is a reply of its branch, whether it was asked for or not.
 */
import type { Machine, Transition } from '../machine.js';
import {
  advance,
  bugReason,
  dueOf,
  firstUnhappy,
  isOver,
  outstandingOf,
  reasonOf,
  reopen,
  type Progress,
  type Round,
} from '../round/round.js';
import { ask, commandOf, type EndedLane } from '../round/round.lane.js';
import type { RestReason, Start, TransactionCommand, TransactionEvent } from '../transaction.js';
import type { TwoPhaseMessageDefinition } from './two-phase-message.definition.js';

/** Announced; the sender's transaction is open, or has ended without a word. */
export interface Prepared {
  readonly status: 'prepared';
  readonly input: unknown;
  readonly round: Round;
}

/** The sender's transaction committed: delivered until done, and never taken back. */
export interface Delivering {
  readonly status: 'delivering';
  readonly round: Round;
}

type Moving = Prepared | Delivering;

/** At rest until a person acts; `suspended` is what a resumption goes on with. */
export interface Parked {
  readonly status: 'parked';
  readonly reason: RestReason;
  readonly suspended: Moving;
}

/** Rebuilt from the journal at will, so nothing here is ever stored or sent. */
export type TwoPhaseMessageState =
  | Moving
  | Parked
  | { readonly status: 'delivered' }
  | { readonly status: 'discarded'; readonly reason: RestReason };

type Step = Transition<TwoPhaseMessageState, TransactionCommand>;

const none: readonly TransactionCommand[] = Object.freeze([]);

/** The machine of every two-phase message. Total: no event throws in any state, unless a function of the definition
 *  does; then nothing has happened, and the host tells `bug-found` instead of that event (R2). */
export const twoPhaseMessageMachine: Machine<
  TwoPhaseMessageDefinition,
  Start,
  TwoPhaseMessageState,
  TransactionEvent,
  TransactionCommand
> = {
  begin: ({ sender: branch, checkBackAfterMs }, { input, at }) => {
    const asked = ask({ branch, half: 'action', payload: input, policy: branch.retry }, at);
    // Not sent yet: the sender has its time to speak first.
    const round: Round = [{ ...asked, waitingFor: 'poll', due: at + checkBackAfterMs }];
    return { state: { status: 'prepared', input, round }, commands: none };
  },
  transition,
  outstanding: (_definition, state) => (isMoving(state) ? outstandingOf(state.round) : none),
  dueAt: (_definition, state) => (isMoving(state) ? dueOf(state.round) : undefined),
};

/** Whether the machine waits for somebody other than a person. */
export function isMoving(state: TwoPhaseMessageState): state is Moving {
  return state.status === 'prepared' || state.status === 'delivering';
}

/** The round in hand, also of a parked message; empty at the end. */
export function roundOf(state: TwoPhaseMessageState): Round {
  if (isMoving(state)) return state.round;
  return state.status === 'parked' ? state.suspended.round : [];
}

function transition(
  definition: TwoPhaseMessageDefinition,
  state: TwoPhaseMessageState,
  event: TransactionEvent,
): Step {
  switch (event.type) {
    case 'replied':
    case 'time-passed': {
      const progress = isMoving(state) ? advance(state.round, event) : undefined;
      return isMoving(state) && progress !== undefined
        ? follow(definition, state, progress, event.at)
        : unchanged(state);
    }
    case 'operator-resumed':
      if (state.status !== 'parked' || !Number.isFinite(event.at)) return unchanged(state);
      return going(state.suspended, reopen(state.suspended.round, event.at));
    case 'bug-found':
      // Already parked, the first reason is the one a person must see.
      return isMoving(state) ? park(state, bugReason(event.message)) : unchanged(state);
    case 'definition-missing':
      return isMoving(state) ? park(state, { kind: 'no-handler' }) : unchanged(state);
    case 'decided':
    case 'decision-asked':
    case 'outcome-reported':
    default:
      // Events of other protocols mean nothing to this one.
      return unchanged(state);
  }
}

/** The very same object says: nothing to save. */
function unchanged(state: TwoPhaseMessageState): Step {
  return { state, commands: none };
}

function going(state: Moving, { round, commands }: Progress): Step {
  return { state: { ...state, round }, commands };
}

function follow(definition: TwoPhaseMessageDefinition, state: Moving, progress: Progress, at: number): Step {
  const { round, ended } = progress;
  if (ended === undefined) return going(state, progress);
  if (state.status === 'prepared') return settlePrepared(definition, { ...state, round }, ended, at);
  return isOver(round) ? settleDelivering({ ...state, round }) : going(state, progress);
}

/** The sender's last word, or its silence beyond the last attempt, which is no word (S75). */
function settlePrepared(
  { deliveries }: TwoPhaseMessageDefinition,
  state: Prepared,
  word: EndedLane,
  at: number,
): Step {
  const { input } = state;
  switch (word.ending.outcome) {
    case 'succeeded': {
      const round = deliveries.map((branch) => {
        const payload = branch.input(input);
        return ask({ branch, half: 'action', payload, policy: branch.settleRetry }, at);
      });
      return { state: { status: 'delivering', round }, commands: round.map(commandOf) };
    }
    case 'refused': {
      const reason = reasonOf(word);
      return {
        state: { status: 'discarded', reason },
        commands: [{ type: 'announce', outcome: 'discarded', reason }],
      };
    }
    case 'failed':
    case 'silent':
      return park(state, reasonOf(word));
  }
}

function settleDelivering(state: Delivering): Step {
  const unhappy = firstUnhappy(state.round);
  if (unhappy !== undefined) return park(state, reasonOf(unhappy));
  return { state: { status: 'delivered' }, commands: [{ type: 'announce', outcome: 'delivered' }] };
}

/** Rests with a reason, and says so. */
function park(suspended: Moving, reason: RestReason): Step {
  return {
    state: { status: 'parked', reason, suspended },
    commands: [{ type: 'announce', outcome: 'parked', reason }],
  };
}
