/**
 * Handlers that call the outside: a card network, a carrier. An intent is committed first, the call goes out without
 * any database transaction open, and its outcome is a second commit (R7 to R9). A crash anywhere leaves an intent,
 * and an intent is called again with the same provider key, to which the provider gives the answer it gave before.
 */
import { failed, partOf, type BarrierRow, type Reply } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import {
  branchName,
  branchOf,
  emptyReply,
  groupByBranch,
  handled,
  isConflict,
  isDatabaseAway,
  lateReply,
  rowsOf,
  savedReply,
  settlementSeatsOf,
  verdictOn,
} from './branch.js';
import { Limiter, type CallsUnderWay } from './limiter.js';
import { providerKeyOf, type ExternalHandler } from './handler.js';
import type { CommandData, Message } from './message.js';
import { OutcomeRecorder, Unrecorded, type ExternalJob } from './outcome-recorder.js';
import type { Barrier, Clock, Database, Intent, Intents, Tx } from './ports.js';

export interface ExternalSettings {
  readonly owner: string;
  /** Calls to the outside at one time, in this process. Default 10. */
  readonly callsMax?: number;
  /** How long a claim holds, ms: longer than all tries of one call take. Default 30 000. */
  readonly claimMs?: number;
  /** Tries of one call before the coordinator is told that it failed. Default 3. */
  readonly triesMax?: number;
  /** Pause before the next try, ms, growing with each. Default 200. */
  readonly pauseMs?: number;
  /** Pause between sweeps for orphaned intents, ms. Default 5 000. */
  readonly sweepMs?: number;
  /** How long an undo that has its yes waits for the outcome of an action that nobody is calling, ms. Default 5 000. */
  readonly undoPatienceMs?: number;
}

export interface ExternalPorts {
  readonly database: Database;
  readonly barrier: Barrier;
  readonly intents: Intents;
  readonly clock: Clock;
}

export interface ExternalHooks {
  /** The answer of a job whose call is over, AFTER its outcome was committed. */
  readonly answer: (job: ExternalJob, reply: Reply) => void;
  readonly handlerOf: (command: Message<CommandData>) => ExternalHandler | undefined;
  readonly onFault: (error: unknown) => void;
}

const defaults = {
  callsMax: 10,
  claimMs: 30_000,
  triesMax: 3,
  pauseMs: 200,
  sweepMs: 5_000,
  undoPatienceMs: 5_000,
};

export class ExternalBranches {
  private readonly settings: Required<ExternalSettings>;
  private readonly limiter: Limiter;
  private readonly recorder: OutcomeRecorder;
  /** Intents this process is driving now: a sweep must not drive them beside itself. */
  private readonly driving = new Map<string, Promise<void>>();
  private cancelSweep: (() => void) | undefined;
  private stopped = false;

  constructor(
    private readonly ports: ExternalPorts,
    settings: ExternalSettings,
    private readonly hooks: ExternalHooks,
  ) {
    this.settings = { ...defaults, ...settings };
    this.limiter = new Limiter(this.settings.callsMax);
    this.recorder = new OutcomeRecorder(ports, {
      intentOf: (job) => this.intentOf(job, 0),
      onOrphan: (intent) => this.driveOrphan(intent),
    });
  }

  /** Calls that run now, and those that wait for their turn. */
  get load(): CallsUnderWay {
    const { running, waiting } = this.limiter;
    return { name: 'external-calls', running, waiting };
  }

  start(): void {
    this.scheduleSweep(0);
  }

  /** Takes no new work and waits for the calls under way; what they leave is an intent at most. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelSweep?.();
    await Promise.allSettled(this.driving.values());
  }

  /** Commits the intents of what may be called and begins the calls. Answers at once what the barrier already knows;
   *  `undefined` stands for a call under way, answered through the hook. AFTER it resolves the record's position may
   *  move: what follows needs no redelivery (R9). */
  async admit(jobs: readonly ExternalJob[], retries = 2): Promise<readonly (Reply | undefined)[]> {
    if (jobs.length === 0) return [];
    try {
      const replies = await this.ports.database.transaction((tx) => this.admitIn(tx, jobs));
      jobs.forEach((job, index) => {
        if (replies[index] === undefined) this.drive(job);
      });
      return replies;
    } catch (error) {
      if (isDatabaseAway(error)) throw error;
      if (retries > 0 && isConflict(error)) return this.admit(jobs, retries - 1);
      if (jobs.length === 1) return [this.notAdmitted(error)];
      const half = jobs.length >> 1;
      return [...(await this.admit(jobs.slice(0, half))), ...(await this.admit(jobs.slice(half)))];
    }
  }

  /** The one culprit (R2). Whoever keeps its seat from it is at work on its branch; anything else can never be written, and
   *  coming again it would only hold the partition. */
  private notAdmitted(error: unknown): Reply {
    if (isConflict(error)) return { outcome: 'in-progress' };
    this.hooks.onFault(error);
    return this.failedReply(error);
  }

  private async admitIn(tx: Tx, jobs: readonly ExternalJob[]): Promise<readonly (Reply | undefined)[]> {
    const { barrier, intents, database } = this.ports;
    const found = groupByBranch(await barrier.find(tx, jobs.map(branchOf)));
    const rowsFor = (job: ExternalJob): readonly BarrierRow[] => found.get(branchName(branchOf(job))) ?? [];
    const replies = jobs.map((job) => answerFromBarrier(job, rowsFor(job), found));
    const callable = jobs.filter((_, index) => replies[index] === undefined);
    const expired = callable.flatMap((job) => this.ownClaims(job, rowsFor(job)));
    const claimedUntil = database.now() + this.settings.claimMs;
    if (expired.length > 0) await intents.remove(tx, expired);
    if (callable.length > 0)
      await intents.insert(
        tx,
        callable.map((job) => this.intentOf(job, claimedUntil)),
      );
    // By the verdict: a repeat is answered with the same words, and its rows are there already.
    const emptied = jobs.filter(
      (job, index) => replies[index] !== undefined && verdictOn(job, found) === 'empty',
    );
    const rows = [
      ...emptied.flatMap((job) => rowsOf(job, emptyReply, rowsFor(job))),
      ...callable.flatMap((job) => settlementSeatsOf(job, rowsFor(job))),
    ];
    if (rows.length > 0) await barrier.insert(tx, rows);
    return replies;
  }

  /** The expired claims that a new one replaces, of whatever generation: one call of a half is open at a time. */
  private ownClaims(job: ExternalJob, rows: readonly BarrierRow[]): readonly Intent[] {
    const { operation } = job.command.data;
    return rows
      .filter((row) => row.outcome === 'claimed' && row.operation === operation)
      .map(({ generation }) => ({ ...this.intentOf(job, 0), generation }));
  }

  private intentOf({ command }: ExternalJob, claimedUntil: number): Intent {
    const { transactionId, branchId, operation, generation } = command.data;
    return {
      transactionId,
      branchId,
      operation,
      generation,
      command,
      owner: this.settings.owner,
      claimedUntil,
    };
  }

  private drive(job: ExternalJob): void {
    const name = intentName(job.command.data);
    if (this.driving.has(name) || this.stopped) return;
    const driven = this.callAndRecord(job)
      .catch(this.hooks.onFault)
      .finally(() => this.driving.delete(name));
    this.driving.set(name, driven);
  }

  private async callAndRecord(job: ExternalJob): Promise<void> {
    // The limit is on calls alone: an undo that waits with its record for its action must not hold the place that the
    // action's own call needs (R8, R22).
    const reply = await this.limiter.run(() => this.callWithTries(job));
    if (reply.outcome === 'failed' || reply.outcome === 'in-progress') {
      if (await this.release(job)) this.hooks.answer(job, reply);
      return;
    }
    const recorded = await this.recordUntilKnown(job, reply);
    if (recorded !== undefined) this.hooks.answer(job, recorded);
  }

  private async callWithTries(job: ExternalJob): Promise<Reply> {
    const { transactionId, branchId } = job.command.data;
    const providerKey = providerKeyOf(transactionId, branchId);
    let last: unknown;
    for (let tries = 1; tries <= this.settings.triesMax && !this.stopped; tries++) {
      try {
        return await job.handler.call(handled(job), { providerKey });
      } catch (error) {
        last = error;
        // The other side is known to be ill: the attempt waits for it and spends nothing (S83).
        if (error instanceof Fault && error.code === 'CIRCUIT_OPEN') return { outcome: 'in-progress' };
        if (!(error instanceof Fault && error.retryable)) break;
        if (tries < this.settings.triesMax) await this.pause(this.settings.pauseMs * tries);
      }
    }
    return this.failedReply(last);
  }

  private failedReply(error: unknown): Reply {
    if (error === undefined)
      return failed({ code: 'STOPPED', message: 'the participant is stopping', retryable: true });
    if (error instanceof Fault)
      return failed({ code: error.code, message: error.message, retryable: error.retryable });
    this.hooks.onFault(error);
    return failed({ code: 'HANDLER_FAILED', message: 'the handler could not do its work', retryable: false });
  }

  /** Lets the claim end now, so that the coordinator's next attempt may call again at once. False when the claim ran out
   *  meanwhile and somebody else took it over: then theirs is the word, and putting ours back would open a call again that
   *  was settled. */
  private async release(job: ExternalJob): Promise<boolean> {
    const { database, intents } = this.ports;
    const ended = this.intentOf(job, database.now() - 1);
    return database.transaction(async (tx) => {
      const open = await intents.lock(tx, [branchOf(job)]);
      if (!open.some((intent) => isSameClaim(intent, ended))) return false;
      await intents.remove(tx, [ended]);
      await intents.insert(tx, [ended]);
      return true;
    });
  }

  /** The outcome is known and must reach the books: a database that is away only delays it. A crash leaves the intent. */
  private async recordUntilKnown(job: ExternalJob, reply: Reply): Promise<Reply | undefined> {
    const patientAt = this.ports.clock.now() + this.settings.undoPatienceMs;
    for (let round = 1; !this.stopped || round === 1; round++) {
      try {
        const isPatient = this.ports.clock.now() >= patientAt;
        const recorded = await this.recorder.record({ job, reply, isPatient });
        if (recorded instanceof Unrecorded) throw recorded.error;
        if (recorded !== 'deferred') return recorded;
      } catch (error) {
        this.hooks.onFault(error);
        if (!(error instanceof Fault && error.retryable)) return this.failedReply(error);
      }
      await this.pause(Math.min(2_000, 50 * 2 ** Math.min(round, 6)));
    }
    return undefined;
  }

  private driveOrphan({ command }: Intent): void {
    const handler = this.hooks.handlerOf(command);
    if (handler !== undefined) this.drive({ command, handler });
  }

  private scheduleSweep(afterMs: number): void {
    if (this.stopped) return;
    this.cancelSweep = this.ports.clock.after(afterMs, () => {
      void this.sweep()
        .catch(this.hooks.onFault)
        .finally(() => this.scheduleSweep(this.settings.sweepMs));
    });
  }

  /** Drives the intents that nobody drives any more: their process died, or their call kept failing (R7). */
  private async sweep(): Promise<void> {
    const { database, intents } = this.ports;
    const { owner, claimMs } = this.settings;
    const orphans = await intents.claimExpired({ owner, claimedUntil: database.now() + claimMs, limit: 100 });
    for (const orphan of orphans) this.driveOrphan(orphan);
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.ports.clock.after(ms, resolve));
  }
}

/** An undo of which nothing is known locally still goes out: by key it plants a tombstone at the provider, which stops
 *  an action that is still on its way there (R8). Only a refused or already planted action needs no call. */
function answerFromBarrier(
  job: ExternalJob,
  rows: readonly BarrierRow[],
  found: ReadonlyMap<string, readonly BarrierRow[]>,
): Reply | undefined {
  const verdict = verdictOn(job, found);
  switch (verdict) {
    case 'run':
      return undefined;
    case 'empty':
      return rows.some((row) => partOf(row.operation) === 'does') ? emptyReply : undefined;
    case 'duplicate':
      return savedReply(job, rows);
    case 'late':
      return lateReply;
    case 'in-progress':
      return { outcome: 'in-progress' };
  }
}

function isSameClaim(one: Intent, other: Intent): boolean {
  return (
    one.operation === other.operation && one.generation === other.generation && one.owner === other.owner
  );
}

function intentName({ transactionId, branchId, operation, generation }: CommandData): string {
  return `${transactionId}/${branchId}/${operation}/${generation}`;
}
