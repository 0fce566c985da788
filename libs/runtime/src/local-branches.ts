/**
 * Handlers whose whole effect lies in the service's own database: barrier rows, business rows and saved replies of
 * many commands are one commit (architecture §6 row 6). Order is the contract: look up, run, insert LAST (R1).
 */
import { failed, type BarrierRow, type Reply } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import {
  branchOf,
  emptyReply,
  groupByBranch,
  handled,
  isConflict,
  isDatabaseAway,
  lateReply,
  rowsOf,
  savedReply,
  verdictOn,
  branchName,
} from './branch.js';
import type { Job } from './branch.js';
import type { Handler, LocalHandler } from './handler.js';
import { bounded, tooLargeToKeep } from './payload-limit.js';
import type { Barrier, Database, StoredBarrierRow, Tx } from './ports.js';

export interface LocalJob extends Job {
  readonly handler: LocalHandler;
}

/** A handler that cannot do its work gives this, or throws; either way nothing of its command is kept. */
class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  constructor(readonly reply: Reply) {
    super('a handler answered failed');
  }
}

export class LocalBranches {
  constructor(
    private readonly database: Database,
    private readonly barrier: Barrier,
    /** Told of a handler that broke a rule of the program; its command is answered `failed` and not retried. */
    private readonly onBug: (job: LocalJob, error: unknown) => void,
  ) {}

  /** Settles all jobs, each branch at most once among them, and answers them in order AFTER their commit.
   *  Rejects only when the database is away or the fate of a commit unknown: nobody was answered, ask again. */
  async settle(jobs: readonly LocalJob[], retries = 1): Promise<readonly Reply[]> {
    if (jobs.length === 0) return [];
    try {
      return await this.database.transaction((tx) => this.settleIn(tx, jobs));
    } catch (error) {
      if (isDatabaseAway(error)) throw error;
      if (isConflict(error) && retries > 0) return this.settle(jobs, retries - 1);
      if (jobs.length === 1) return [await this.giveUp(jobs[0]!, error)];
      return this.settleHalves(jobs);
    }
  }

  /** One poisoned item never holds the others (R2). */
  private async settleHalves(jobs: readonly LocalJob[]): Promise<readonly Reply[]> {
    const half = jobs.length >> 1;
    const first = await this.settle(jobs.slice(0, half));
    return [...first, ...(await this.settle(jobs.slice(half)))];
  }

  private async settleIn(tx: Tx, jobs: readonly LocalJob[]): Promise<readonly Reply[]> {
    const found = groupByBranch(await this.barrier.find(tx, jobs.map(branchOf)));
    const replies: Reply[] = [];
    const runnable = new Map<Handler, number[]>();
    jobs.forEach((job, index) => {
      const rows = found.get(branchName(branchOf(job))) ?? [];
      const verdict = verdictOn(job, found);
      if (verdict === 'run') appendTo(runnable, job.handler, index);
      else replies[index] = answerWithoutRunning(verdict, job, rows);
    });
    for (const [handler, indices] of runnable) await runHandler({ handler, indices, jobs, replies, tx });
    await this.barrier.insert(
      tx,
      jobs.flatMap((job, index) => this.newRows(job, replies[index]!, found)),
    );
    return replies;
  }

  private newRows(
    job: LocalJob,
    reply: Reply,
    found: ReadonlyMap<string, readonly BarrierRow[]>,
  ): readonly StoredBarrierRow[] {
    const verdict = verdictOn(job, found);
    if (verdict !== 'run' && verdict !== 'empty') return [];
    return rowsOf(job, reply, found.get(branchName(branchOf(job))) ?? []);
  }

  /** The one culprit: a conflict asks to come back; another fault that may pass is answered so; anything else is a bug of the handler. */
  private async giveUp(job: LocalJob, error: unknown): Promise<Reply> {
    if (error instanceof CommandFailed) return error.reply;
    // Whoever holds what it needs, a neighbour or a transaction in doubt, will let it go: that is no failure of this one,
    // and it spends none of its attempts.
    if (isConflict(error)) return { outcome: 'in-progress' };
    if (error instanceof Fault && error.retryable) {
      return failed({ code: error.code, message: error.message, retryable: true });
    }
    this.onBug(job, error);
    return failed({ code: 'HANDLER_FAILED', message: 'the handler could not do its work', retryable: false });
  }
}

function answerWithoutRunning(
  verdict: 'duplicate' | 'empty' | 'late' | 'in-progress',
  job: Job,
  rows: readonly BarrierRow[],
): Reply {
  switch (verdict) {
    case 'duplicate':
      return savedReply(job, rows);
    case 'empty':
      return emptyReply;
    case 'late':
      return lateReply;
    case 'in-progress':
      return { outcome: 'in-progress' };
  }
}

interface HandlerRun {
  readonly handler: Handler;
  readonly indices: readonly number[];
  readonly jobs: readonly LocalJob[];
  readonly replies: Reply[];
  readonly tx: Tx;
}

async function runHandler({ handler, indices, jobs, replies, tx }: HandlerRun): Promise<void> {
  if (handler.effect !== 'local') throw new TypeError('an external handler never runs inside the batch');
  const answers = await handler.handle(
    indices.map((index) => handled(jobs[index]!)),
    tx,
  );
  if (answers.length !== indices.length) {
    throw new TypeError(
      `a handler of ${handler.operation.action} answered ${answers.length} of ${indices.length} commands`,
    );
  }
  answers.forEach((reply, position) => {
    // What the handler wrote before it failed must not be committed, and there are no savepoints (R1).
    if (reply.outcome === 'failed' || reply.outcome === 'in-progress') throw new CommandFailed(reply);
    // S105: here nothing has happened yet, so what cannot be answered is not done.
    if (bounded(handler.half, reply) === tooLargeToKeep) throw new CommandFailed(tooLargeToKeep);
    replies[indices[position]!] = reply;
  });
}

function appendTo<Key>(groups: Map<Key, number[]>, key: Key, index: number): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [index]);
  else group.push(index);
}
