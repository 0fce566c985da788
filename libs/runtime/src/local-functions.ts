/**
 * Runs the functions that a definition keeps in the orchestrator itself, AFTER the commit that asks for them, and tells
 * their answers like a participant's. They have no barrier: each runs at least once, and again after a crash, because the
 * state still names it. What is kept here is that a slow one blocks nobody, and that an undo never overtakes its action.
 */
import { failed, succeeded, type Reply, type RunLocalCommand } from '@sagamore/engine';
import { Fault, withTimeout } from '@sagamore/resilience';
import type { LiveTransaction } from './decision.js';
import { isOutcome, type Input } from './inbox.js';
import { Limiter } from './limiter.js';
import type { Clock } from './ports.js';

export interface LocalFunctionsOptions {
  /** Functions that run at the same time; the others wait their turn. */
  readonly atOnceMax: number;
  /** Whether the transaction here still waits for this very half. What waited its turn may have been given up since, or
   *  its shard may be another's by now, who runs it himself. */
  readonly isWanted: (live: LiveTransaction, command: RunLocalCommand) => boolean;
  /** Given the answer, as an input like any other. */
  readonly tell: (input: Input) => void;
  /** Told of a function that threw anything but a fault. */
  readonly onBug: (transactionId: string, error: unknown) => void;
}

/** One half that is being run. `command` is the asking that its answer answers: the latest. */
interface Run {
  command: RunLocalCommand;
  readonly ended: Promise<void>;
}

/** Beyond it a stop waits no longer: whoever takes the shard runs the function again. */
const drainMs = 5_000;

export class LocalFunctions {
  private readonly runs = new Map<string, Run>();
  private readonly limiter: Limiter;
  private isStopping = false;

  constructor(
    private readonly clock: Clock,
    private readonly options: LocalFunctionsOptions,
  ) {
    this.limiter = new Limiter(options.atOnceMax);
  }

  /** Begins to run it, and resolves nothing: the answer is told. Asked for again while it runs, it is not run twice. */
  run(live: LiveTransaction, command: RunLocalCommand): void {
    if (this.isStopping) return;
    const { transactionId } = live.record;
    const name = nameOf(transactionId, command);
    const same = this.runs.get(name);
    if (same !== undefined) {
      same.command = command;
      return;
    }
    const action = this.runs.get(nameOf(transactionId, { ...command, operation: 'action' }));
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const run: Run = { command, ended };
    this.runs.set(name, run);
    void this.carryOut(live, run, action?.ended).finally(() => {
      this.runs.delete(name);
      end();
    });
  }

  start(): void {
    this.isStopping = false;
  }

  /** Begins nothing more, and waits for what runs, a few seconds at most. */
  async stop(): Promise<void> {
    this.isStopping = true;
    const running = Promise.all([...this.runs.values()].map(({ ended }) => ended));
    await this.waitFor(running, drainMs);
  }

  /** Ends when the function has answered or its time is over; an answer that comes later is told all the same, for it
   *  still says what happened. */
  private async carryOut(live: LiveTransaction, run: Run, action: Promise<void> | undefined): Promise<void> {
    await action;
    await this.limiter.run(async () => {
      if (this.isStopping || !this.options.isWanted(live, run.command)) return;
      const answered = this.ask(live, run.command).then((reply) => {
        this.options.tell(inputOf(live, run.command, reply));
      });
      await this.waitFor(answered, run.command.timeoutMs);
    });
  }

  private async waitFor(work: Promise<unknown>, ms: number): Promise<void> {
    await withTimeout(() => work, ms, { clock: this.clock, name: 'a local function' }).catch(() => {});
  }

  private async ask({ protocol, record }: LiveTransaction, command: RunLocalCommand): Promise<Reply> {
    try {
      return replyOf(await protocol.runLocal?.(command));
    } catch (error) {
      if (error instanceof Fault) {
        const { code, message, retryable, retryAfterMs } = error;
        return failed({ code, message, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) });
      }
      this.options.onBug(record.transactionId, error);
      return failed({
        code: 'HANDLER_FAILED',
        message: 'the function could not do its work',
        retryable: false,
      });
    }
  }
}

function nameOf(transactionId: string, { branchId, operation }: RunLocalCommand): string {
  return `${transactionId}/${branchId}/${operation}`;
}

/** What a function answers is the output, unless it is one of the replies that say no. It becomes JSON here, so that
 *  whoever replays the journal finds what was decided upon. */
function replyOf(answer: unknown): Reply {
  if (saysNo(answer)) return answer;
  const json = JSON.stringify(answer) as string | undefined;
  return succeeded(json === undefined ? null : (JSON.parse(json) as unknown));
}

function saysNo(answer: unknown): answer is Reply {
  if (typeof answer !== 'object' || answer === null || !('outcome' in answer)) return false;
  const { outcome } = answer;
  return (outcome === 'refused' || outcome === 'failed') && isOutcome(answer as Reply);
}

function inputOf({ record }: LiveTransaction, command: RunLocalCommand, reply: Reply): Input {
  const { transactionId, shard } = record;
  const { branchId, operation, generation, attempt } = command;
  const told = { transactionId, branchId, operation, generation, attempt, reply };
  return { kind: 'reply', transactionId, shard, reply: told };
}
