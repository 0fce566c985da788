/**
 * The second phase: telling the decision until everybody has acknowledged it, and how that ends. It never changes a
 * decision. A participant that turns out to have been settled otherwise is flagged, and waits for a person (S71).
 */
import type { Transition } from '../machine.js';
import type { Confirmation, Undo } from '../operation.js';
import {
  endReasonOf,
  firstUnhappy,
  isOver,
  reasonOf,
  settlementReasonOf,
  type Round,
} from '../round/round.js';
import {
  ask,
  commandOf,
  isOpen,
  type EndedLane,
  type Knowledge,
  type Lane,
  type OpenLane,
} from '../round/round.lane.js';
import type { BranchId, ProtocolCommand, RestReason } from '../transaction.js';
import type { TwoPhaseCommitDefinition } from './two-phase-commit.definition.js';
import type {
  Aborting,
  Committed,
  Committing,
  Moving,
  TwoPhaseCommitState,
} from './two-phase-commit.state.js';

type Step = Transition<TwoPhaseCommitState, ProtocolCommand>;

const none: readonly ProtocolCommand[] = Object.freeze([]);

/** The very same object says: nothing to save. */
export function unchanged(state: TwoPhaseCommitState): Step {
  return { state, commands: none };
}

/** Tells those that voted yes; those that have written nothing have left. */
export function commit(
  { input, round: votes }: { readonly input: unknown; readonly round: readonly EndedLane[] },
  at: number,
): Step {
  const round = votes.flatMap((vote) => commitLane(vote, at));
  return {
    state: { status: 'committing', input, alone: false, heuristics: [], round },
    commands: round.map(commandOf),
  };
}

function commitLane({ branch, payload: input, ending }: EndedLane, at: number): readonly OpenLane[] {
  if (ending.outcome !== 'succeeded' || ending.readOnly === true) return [];
  const payload: Confirmation = { input, output: ending.output };
  return [ask({ branch, half: 'commit', payload, policy: branch.settleRetry, over: 'succeeded' }, at)];
}

/** Tells everybody who may have prepared. Who voted no has rolled back by itself, and who has written nothing has left. */
export function abort(
  definition: TwoPhaseCommitDefinition,
  from: { readonly input: unknown; readonly round: Round; readonly reason: RestReason },
  at: number,
): Step {
  const { input, reason } = from;
  const round = from.round.flatMap((vote) => rollbackLane(vote, at));
  const state: Aborting = { status: 'aborting', input, reason, closing: false, heuristics: [], round };
  return round.length === 0 ? close(definition, state, at) : { state, commands: round.map(commandOf) };
}

function rollbackLane(vote: Lane, at: number): readonly OpenLane[] {
  const { branch } = vote;
  if (!isOpen(vote) && (vote.ending.outcome === 'refused' || isReadOnly(vote))) return [];
  const payload = undoOf(vote);
  // A prepared transaction leaves nothing behind when it is rolled back, so one that is repeated finds nothing: only
  // where handlers of the participant's own hold something can something be lost (R5).
  const over = branch.operation.confirm === undefined ? 'unknown' : payload.outcome;
  return [ask({ branch, half: 'rollback', payload, policy: branch.settleRetry, over }, at)];
}

function undoOf({ payload: input, ...vote }: Lane): Undo & { readonly outcome: Knowledge } {
  const yes = vote.waitingFor === 'nothing' && vote.ending.outcome === 'succeeded' ? vote.ending : undefined;
  return yes === undefined
    ? { input, outcome: 'unknown' }
    : { input, outcome: 'succeeded', output: yes.output };
}

function isReadOnly({ ending }: EndedLane): boolean {
  return ending.outcome === 'succeeded' && ending.readOnly === true;
}

/** After an acknowledgement, or what came instead of one. Nobody is held up by another (S68). */
export function settleCommitting(definition: TwoPhaseCommitDefinition, state: Committing, at: number): Step {
  const now = { ...state, heuristics: heuristicsOf(state) };
  const { round, alone, heuristics } = now;
  if (!isOver(round)) return { state: now, commands: none };
  const unhappy = firstUnhappy(round);
  if (unhappy === undefined) return committed({ round, heuristics });
  if (alone && unhappy.ending.outcome === 'refused')
    return abort(definition, { input: state.input, round, reason: reasonOf(unhappy) }, at);
  return park(now, alone ? reasonOf(unhappy) : contradictionOf(unhappy, 'settlement'));
}

export function settleAborting(definition: TwoPhaseCommitDefinition, state: Aborting, at: number): Step {
  if (state.closing) return settleClosing(state);
  const now = { ...state, heuristics: heuristicsOf(state) };
  if (!isOver(now.round)) return { state: now, commands: none };
  const unhappy = firstUnhappy(now.round);
  return unhappy === undefined ? close(definition, now, at) : park(now, contradictionOf(unhappy, 'undo'));
}

function settleClosing(state: Aborting): Step {
  const unhappy = firstUnhappy(state.round);
  return unhappy === undefined ? aborted(state) : park(state, reasonOf(unhappy));
}

/** A refused settlement says that the branch was settled the other way, by whomever (S71). */
function contradictionOf(lane: EndedLane, prefix: 'undo' | 'settlement'): RestReason {
  const { branch, ending } = lane;
  if (ending.outcome !== 'refused') return settlementReasonOf(lane, prefix);
  return { kind: 'heuristic', branchId: branch.name, refusal: ending.refusal };
}

/** A flag, once raised, stays: what a person repairs afterwards did happen. */
function heuristicsOf({ heuristics, round, ...state }: Committing | Aborting): readonly BranchId[] {
  // Alone, a participant that refuses has contradicted nobody.
  if (state.status === 'committing' && state.alone) return heuristics;
  const refused = round.flatMap((lane) =>
    !isOpen(lane) && lane.ending.outcome === 'refused' ? [lane.branch.name] : [],
  );
  const added = refused.filter((name) => !heuristics.includes(name));
  return added.length === 0 ? heuristics : [...heuristics, ...added];
}

/** AFTER the last acknowledgement: tell of the end, if the definition wants it told, and only then rest (R28). */
function close({ onAborted: branch }: TwoPhaseCommitDefinition, state: Aborting, at: number): Step {
  if (branch === undefined) return aborted(state);
  const payload = branch.input({ input: state.input, reason: endReasonOf(state.reason) });
  const lane = ask({ branch, half: 'action', payload, policy: branch.settleRetry }, at);
  return { state: { ...state, closing: true, round: [lane] }, commands: [commandOf(lane)] };
}

function aborted({ reason, heuristics }: Aborting): Step {
  return {
    state: { status: 'aborted', reason, heuristics },
    commands: [{ type: 'announce', outcome: 'aborted', reason: flagged({ reason, heuristics }) }],
  };
}

/** Why it aborted; what was settled against the decision stays visible though it was repaired (S71). */
export function flagged({ reason, heuristics }: Pick<Aborting, 'reason' | 'heuristics'>): RestReason {
  const [branchId] = heuristics;
  return branchId === undefined ? reason : { ...reason, kind: 'heuristic', branchId };
}

/** Everybody has acknowledged; the decision may be forgotten, but for those that ask. */
export function committed(end: Pick<Committed, 'round' | 'heuristics'>): Step {
  const [branchId] = end.heuristics;
  const announce = { type: 'announce', outcome: 'committed' } as const;
  return {
    state: { status: 'committed', ...end },
    commands: [branchId === undefined ? announce : { ...announce, reason: { kind: 'heuristic', branchId } }],
  };
}

/** Rests with a reason, and says so. The decision stands meanwhile, and whoever asks is told it. */
export function park(suspended: Moving, reason: RestReason): Step {
  return {
    state: { status: 'parked', reason, suspended },
    commands: [{ type: 'announce', outcome: 'parked', reason }],
  };
}
