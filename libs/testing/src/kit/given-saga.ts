/**
 * A test of a saga told as a script: what it is given, who plays its participants, what outsiders do and when.
 * Every word answers a new script, so a beginning may be shared; nothing happens before `run()` or `now()`.
 */
import type { Decided, SagaDefinition, TransactionEvent } from '@sagamore/engine';
import { Cast } from './cast.js';
import { mistake } from './mistake.js';
import type {
  AnyParticipants,
  ChildPath,
  OutputAt,
  Participants,
  PayloadAt,
  SignalPath,
  StepPath,
} from './participants.js';
import { runOf, type SagaRun } from './saga-run.js';
import { Stage, type Played } from './stage.js';
import { instantOf, msOf, type Duration, type Instant } from './time.js';
import { crossed } from './wire.js';

/** One line of a script. */
type Act = (stage: Stage) => void | Promise<void>;

/** Begins the test of a definition. */
export function givenSaga<Input, Output, Parts>(
  definition: SagaDefinition<Input, Output, Parts>,
): GivenSaga<Input, Output, Parts> {
  return new GivenSaga(definition);
}

export class GivenSaga<Input, Output, Parts> {
  constructor(private readonly definition: SagaDefinition<Input, Output, Parts>) {}

  /** What the saga begins with, and when: by default on 1 January 2026, at midnight UTC. */
  withInput(input: Input, when: { readonly at?: Instant } = {}): SagaScript<Output, Parts> {
    const at = instantOf(when.at ?? '2026-01-01T00:00:00Z');
    return new SagaScript({ definition: this.definition, input, at, fakes: {}, acts: [] });
  }
}

interface Script {
  readonly definition: SagaDefinition;
  readonly input: unknown;
  readonly at: number;
  readonly fakes: AnyParticipants;
  readonly acts: readonly Act[];
}

export class SagaScript<Output, Parts> {
  constructor(private readonly script: Script) {}

  /** Who plays the steps. Said again later, those that are named behave so from there on. */
  participants(fakes: Participants<Parts>): SagaScript<Output, Parts> {
    const { script } = this;
    const named: AnyParticipants = { ...(fakes as AnyParticipants) };
    if (script.acts.length === 0) return new SagaScript({ ...script, fakes: { ...script.fakes, ...named } });
    return this.and(({ transactions }) => recast(transactions, '', named));
  }

  /** Lets so much time pass, and everything happen that belongs into it. */
  skip(duration: Duration): SagaScript<Output, Parts> {
    const ms = msOf(duration);
    return this.and((stage) => stage.live(stage.now + ms));
  }

  /** Lets time pass until the instant, which is not over yet. */
  until(instant: Instant): SagaScript<Output, Parts> {
    const at = instantOf(instant);
    return this.and((stage) => {
      if (at >= stage.now) return stage.live(at);
      const now = new Date(stage.now).toISOString();
      throw mistake(`it is ${now} already`, `Let until(…) name a later instant than that`, stage.story);
    });
  }

  /** Lives on until the step has just been asked for, BEFORE its answer is heard: the moment for a race. */
  untilAsked(step: StepPath<Parts>): SagaScript<Output, Parts> {
    return this.and(async (stage) => {
      const isAsked = () => stage.calls.some((call) => call.step === step && call.half === 'do');
      await stage.live(Infinity, isAsked);
      if (!isAsked())
        throw mistake(
          `"${step}" is never asked for`,
          'Read the story: something ends the saga earlier, or an outsider must speak first',
          stage.story,
        );
    });
  }

  /** Lets everybody answer who is asked; time goes on for attempts alone, not for timers, deadlines and outsiders. */
  settle(): SagaScript<Output, Parts> {
    return this.and((stage) => stage.settle());
  }

  /** Somebody outside says what is waited for, or will be. One `id` counts once; by default each has its own. */
  signal<Path extends SignalPath<Parts>>(
    path: Path,
    payload: PayloadAt<Parts, Path>,
    { id }: { readonly id?: string } = {},
  ): SagaScript<Output, Parts> {
    const number = this.script.acts.length;
    return this.and((stage) => {
      const { played, name } = addressee(stage, path);
      const arrived = crossed(`the signal ${path}`, payload);
      const event = {
        type: 'signal-received',
        name,
        id: id ?? `signal-${number}`,
        payload: arrived,
      } as const;
      hear(stage, `signal ${path}`, played, { ...event, at: stage.now });
    });
  }

  /** A customer or an operator cancels: nothing new is begun, and what was done is undone. */
  cancel(reason = 'no longer wanted'): SagaScript<Output, Parts> {
    return this.decided('cancel-requested', reason);
  }

  /** An operator gives the saga up as it is; nothing is undone. */
  terminate(reason = 'given up'): SagaScript<Output, Parts> {
    return this.decided('terminate-requested', reason);
  }

  /** An operator holds the saga: what arrives is recorded, nothing is sent. */
  pause(reason = 'held'): SagaScript<Output, Parts> {
    return this.decided('operator-paused', reason);
  }

  /** An operator lets a parked or held saga go on, or another one that is a step of it. */
  resume({ of }: { readonly of?: ChildPath<Parts> } = {}): SagaScript<Output, Parts> {
    return this.decided('operator-resumed', 'repaired', of);
  }

  /** An operator goes on without a step: its outcome stays unknown, so a later undo covers it. */
  skipStep(step: StepPath<Parts>, half: 'do' | 'undo' = 'do'): SagaScript<Output, Parts> {
    const operation = half === 'do' ? 'action' : 'compensation';
    return this.and((stage) => {
      const { played, name: branchId } = addressee(stage, step);
      const event = {
        type: 'operator-skipped',
        actor: 'test',
        reason: 'skipped',
        branchId,
        operation,
      } as const;
      hear(stage, `skipStep ${step}`, played, { ...event, at: stage.now });
    });
  }

  /** An operator says what came of a step, in its participant's place. */
  setResult<Path extends StepPath<Parts>>(
    step: Path,
    output: OutputAt<Parts, Path>,
  ): SagaScript<Output, Parts> {
    return this.and((stage) => {
      const { played, name: branchId } = addressee(stage, step);
      const bare = {
        type: 'operator-set-result',
        actor: 'test',
        reason: 'seen',
        operation: 'action',
      } as const;
      const event = { ...bare, branchId, output: crossed(`the result of ${step}`, output), at: stage.now };
      hear(stage, `setResult ${step}`, played, event);
    });
  }

  /** The orchestrator dies and another goes on from the journal. */
  crash(): SagaScript<Output, Parts> {
    return this.and((stage) => stage.crash());
  }

  /** Plays the script, then lives on until nothing can happen any more: time jumps from one due instant to the next.
   *  Rejects with a `SagaTestMistake` when the script cannot be played, or the definition is not pure. */
  run(): Promise<SagaRun<Output>> {
    return this.play((stage) => stage.live(Infinity));
  }

  /** Plays the script, lets everybody answer, and tells how the saga stands then; as `settle()`. */
  now(): Promise<SagaRun<Output>> {
    return this.play((stage) => stage.settle());
  }

  private async play(end: Act): Promise<SagaRun<Output>> {
    const { definition, input, at, fakes, acts } = this.script;
    const stage = new Stage(at);
    const arrived = crossed(`the input of ${definition.name}`, input);
    stage.begin('', definition, new Cast(fakes), { transactionId: 'under-test', input: arrived, at });
    for (const act of [...acts, end]) await act(stage);
    stage.assertPure();
    return runOf(stage);
  }

  private decided(type: Decided['type'], reason: string, child?: string): SagaScript<Output, Parts> {
    return this.and((stage) => {
      const { played } = addressee(stage, child === undefined ? '' : `${child}/`);
      const what = child === undefined ? type : `${type} of ${child}`;
      hear(stage, what, played, { type, at: stage.now, actor: 'test', reason });
    });
  }

  private and(act: Act): SagaScript<Output, Parts> {
    return new SagaScript({ ...this.script, acts: [...this.script.acts, act] });
  }
}

/** Tells an outsider's word, and notes it BEFORE what follows from it. */
function hear(stage: Stage, what: string, played: Played, event: TransactionEvent): void {
  const line = stage.note(`somebody: ${what}`);
  if (stage.tell(played, event)) return;
  stage.story[line] += ', which changes nothing';
  stage.unheard.push(what);
}

/** Whom a path means: a child that has begun, or the saga itself. */
function addressee(stage: Stage, path: string): { readonly played: Played; readonly name: string } {
  const end = path.lastIndexOf('/') + 1;
  const played = stage.transactions.get(path.slice(0, end));
  if (played !== undefined) return { played, name: path.slice(end) };
  throw mistake(
    `"${path.slice(0, end - 1)}" has not begun yet`,
    `Let it begin first: .untilAsked('${path.slice(0, end - 1)}')`,
    stage.story,
  );
}

function recast(transactions: ReadonlyMap<string, Played>, path: string, fakes: AnyParticipants): void {
  transactions.get(path)?.cast.recast(fakes);
  for (const [name, fake] of Object.entries(fakes)) {
    const below = `${path}${name}/`;
    if (transactions.has(below) && typeof fake === 'object' && !('moves' in fake))
      recast(transactions, below, fake as AnyParticipants);
  }
}
