/**
 * What came of a played saga, as plain data to compare with what should have come of it.
 */
import type { RestReason, StepView } from '@sagamore/engine';
import { mistake } from './mistake.js';
import type { Call, Late, Played, Stage } from './stage.js';

/** What is told of every run. */
export interface Told {
  /** `do x`, `undo x`, `probe x`: the halves that were asked for, each once, in the order of first asking. */
  readonly commands: readonly string[];
  /** Every asking, each attempt of it. */
  readonly calls: readonly Call[];
  /** The steps whose undo took effect, in order. */
  readonly undone: readonly string[];
  /** The steps whose effect stands: done and not undone. */
  readonly standing: readonly string[];
  readonly timeline: readonly StepView[];
  readonly alarms: readonly string[];
  readonly lateReplies: readonly Late[];
  /** What outsiders said that changed nothing: too late, twice, or to nobody. */
  readonly unheard: readonly string[];
  /** What the definition's own functions threw. */
  readonly bugs: readonly unknown[];
  /** The runs of other sagas that were steps of this one, by the names of the steps. */
  readonly children: Readonly<Record<string, SagaRun>>;
  /** Virtual ms from its beginning to where it was looked at. */
  readonly tookMs: number;
  /** The whole of it in words, a line for each thing that happened. */
  readonly story: readonly string[];
}

/** What a saga waits for: somebody's word, a key, or an instant. */
export interface Waiting {
  readonly name: string;
  readonly for: 'answer' | 'signal' | 'instant' | 'lock';
  /** The instant at which the waiting ends, in ISO 8601; absent where only a word ends it. */
  readonly until?: string;
}

/** How a saga stands. `waiting`: it goes on as soon as what it waits for comes. */
export type SagaRun<Output = unknown> = Told &
  (
    | { readonly outcome: 'completed'; readonly output: Output }
    | { readonly outcome: 'compensated' | 'parked' | 'terminated'; readonly reason: RestReason }
    | { readonly outcome: 'waiting'; readonly waitingFor: readonly Waiting[] }
  );

/** Throws a mistake that tells the story when the saga came to another end; narrows the type of the run when not. */
export function assertOutcome<Output, const Outcome extends SagaRun['outcome']>(
  run: SagaRun<Output>,
  outcome: Outcome,
): asserts run is SagaRun<Output> & { readonly outcome: Outcome } {
  if (run.outcome === outcome) return;
  const why = 'reason' in run ? ` (${run.reason.kind} at ${run.reason.branchId ?? 'no step'})` : '';
  throw mistake(
    `the saga should be ${outcome} and is ${run.outcome}${why}`,
    'Read the story for the first line that should be another',
    run.story,
  );
}

/** The run of the whole, children included. */
export function runOf<Output>(stage: Stage): SagaRun<Output> {
  // The definition's type says what it returns; the machine hands it on as it is.
  return runOfPlayed(stage, stage.root) as SagaRun<Output>;
}

function runOfPlayed(stage: Stage, played: Played): SagaRun {
  const { path, protocol, start, events, state } = played;
  const own = stage.calls.filter(({ step }) => isOwn(path, step));
  const told: Told = {
    commands: [...new Set(own.map(({ half, step }) => `${half} ${step}`))],
    calls: own,
    undone: stage.undone.filter((step) => isOwn(path, step)),
    standing: standingBelow(stage, path),
    timeline: protocol.timeline(start, events),
    alarms: stage.alarms,
    lateReplies: stage.late.filter(({ step }) => isOwn(path, step)),
    unheard: stage.unheard,
    bugs: stage.bugs,
    children: childrenOf(stage, path),
    tookMs: stage.now - start.at,
    story: stage.story,
  };
  switch (state.status) {
    case 'completed':
      return { ...told, outcome: 'completed', output: state.output };
    case 'compensated':
    case 'terminated':
    case 'parked':
      return { ...told, outcome: state.status, reason: state.reason };
    case 'executing':
    case 'compensating':
      return { ...told, outcome: 'waiting', waitingFor: state.active.map(waitingOf) };
  }
}

function isOwn(path: string, step: string): boolean {
  return step.startsWith(path);
}

function standingBelow(stage: Stage, path: string): readonly string[] {
  return [...stage.transactions.values()]
    .filter((played) => isOwn(path, played.path))
    .flatMap((played) => played.cast.standing().map((branchId) => played.path + branchId));
}

function childrenOf(stage: Stage, path: string): Readonly<Record<string, SagaRun>> {
  const children = [...stage.transactions.values()].filter(
    (played) => played.path !== path && isOwn(path, played.path) && !nameIn(path, played).includes('/'),
  );
  return Object.fromEntries(children.map((child) => [nameIn(path, child), runOfPlayed(stage, child)]));
}

function nameIn(path: string, child: Played): string {
  return child.path.slice(path.length, -1);
}

function waitingOf(branch: {
  readonly id: string;
  readonly waitingFor: string;
  readonly due: number;
}): Waiting {
  const { id: name, waitingFor, due } = branch;
  const isOwnWord = waitingFor === 'signal' || waitingFor === 'instant' || waitingFor === 'lock';
  const what = isOwnWord ? waitingFor : 'answer';
  const bare = { name, for: what } as const;
  return Number.isFinite(due) ? { ...bare, until: new Date(due).toISOString() } : bare;
}
