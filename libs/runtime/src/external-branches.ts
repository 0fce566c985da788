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
import type { Job } from './branch.js';
import { Limiter } from './limiter.js';
import { gather } from './gather.js';
import { providerKeyOf, type ExternalHandler, type Settled } from './handler.js';
import type { CommandData, Message } from './message.js';
import type { Barrier, Clock, Database, Intent, Intents, StoredBarrierRow, Tx } from './ports.js';

export interface ExternalJob extends Job {
  readonly handler: ExternalHandler;
}

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

interface Outcome {
  readonly job: ExternalJob;
  readonly reply: Reply;
}

/** What recording came to: the reply to give, or `deferred` while the action of an undo is still open. */
type Recorded = Reply | 'deferred' | Unrecorded;

/** One outcome that could not be recorded. A value, so that it fails alone and not with all of its batch (R2). */
class Unrecorded {
  constructor(readonly error: unknown) {}
}

interface Weighed {
  readonly recorded: Recorded;
  /** Whether the effect and its rows are still to be written. */
  readonly isFresh: boolean;
}

export class ExternalBranches {
  private readonly settings: Required<ExternalSettings>;
  private readonly limiter: Limiter;
  private readonly record: (outcome: Outcome) => Promise<Recorded>;
  /** Intents this process is driving now: a sweep must not drive them beside itself. */
  private readonly driving = new Map<string, Promise<void>>();
  private cancelSweep: (() => void) | undefined;
  private stopped = false;

  constructor(
    private readonly ports: ExternalPorts,
    settings: ExternalSettings,
    private readonly hooks: ExternalHooks,
  ) {
    this.settings = { callsMax: 10, claimMs: 30_000, triesMax: 3, pauseMs: 200, sweepMs: 5_000, ...settings };
    this.limiter = new Limiter(this.settings.callsMax);
    this.record = gather((outcomes: readonly Outcome[]) => this.recordAll(outcomes), { max: 200 });
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
    const recorded = await this.recordUntilKnown({ job, reply });
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
  private async recordUntilKnown(outcome: Outcome): Promise<Reply | undefined> {
    for (let round = 1; !this.stopped || round === 1; round++) {
      try {
        const recorded = await this.record(outcome);
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

  private async recordAll(outcomes: readonly Outcome[], retries = 1): Promise<readonly Recorded[]> {
    try {
      return await this.ports.database.transaction((tx) => this.recordIn(tx, outcomes));
    } catch (error) {
      if (retries > 0 && isConflict(error)) return this.recordAll(outcomes, retries - 1);
      if (isDatabaseAway(error)) throw error;
      if (outcomes.length === 1) return [new Unrecorded(error)];
      const half = outcomes.length >> 1;
      return [
        ...(await this.recordAll(outcomes.slice(0, half))),
        ...(await this.recordAll(outcomes.slice(half))),
      ];
    }
  }

  private async recordIn(tx: Tx, outcomes: readonly Outcome[]): Promise<readonly Recorded[]> {
    const { barrier, intents } = this.ports;
    const branches = outcomes.map(({ job }) => branchOf(job));
    const [locked, rows] = await Promise.all([intents.lock(tx, branches), barrier.find(tx, branches)]);
    const open = groupByBranch(locked);
    const found = groupByBranch(rows.filter((row) => row.outcome !== 'claimed'));
    const weighed = outcomes.map((outcome) => this.weigh(outcome, open, found));
    const fresh = outcomes.filter((_, index) => weighed[index]!.isFresh);
    await recordEffects(tx, fresh);
    const closed = outcomes
      .filter((_, index) => weighed[index]!.recorded !== 'deferred')
      .map(({ job }) => this.intentOf(job, 0));
    await intents.remove(tx, closed);
    await barrier.insert(tx, newRows(fresh, found));
    return weighed.map(({ recorded }) => recorded);
  }

  /** What may be recorded of one outcome, given the intents and rows of its branch. */
  private weigh(
    { job, reply }: Outcome,
    open: ReadonlyMap<string, readonly Intent[]>,
    found: ReadonlyMap<string, readonly BarrierRow[]>,
  ): Weighed {
    const name = branchName(branchOf(job));
    const rows = found.get(name) ?? [];
    const intents = open.get(name) ?? [];
    const { operation, generation } = job.command.data;
    const verdict = verdictOn(job, found);
    // Another generation was recorded between the look and the intent of this one: one effect a branch (R4).
    if (verdict === 'duplicate') return { recorded: savedReply(job, rows), isFresh: false };
    if (verdict === 'late') return { recorded: lateReply, isFresh: false };
    // Somebody else took the claim over and will answer.
    if (!intents.some((intent) => intent.operation === operation && intent.generation === generation))
      return { recorded: { outcome: 'in-progress' }, isFresh: false };
    // R8: the undo has spoken at the provider, so the action's call can only repeat what it was or be refused there.
    // Its outcome must stand in the books BEFORE its undo does.
    const action = intents.find((intent) => partOf(intent.operation) === 'does');
    if (partOf(operation) === 'does' || action === undefined) return { recorded: reply, isFresh: true };
    this.driveIfExpired(action);
    return { recorded: 'deferred', isFresh: false };
  }

  private driveIfExpired(intent: Intent): void {
    if (intent.claimedUntil > this.ports.database.now()) return;
    const handler = this.hooks.handlerOf(intent.command);
    if (handler !== undefined) this.drive({ command: intent.command, handler });
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
    for (const { command } of orphans) {
      const handler = this.hooks.handlerOf(command);
      if (handler !== undefined) this.drive({ command, handler });
    }
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

async function recordEffects(tx: Tx, outcomes: readonly Outcome[]): Promise<void> {
  const settled = new Map<ExternalHandler, Settled[]>();
  for (const { job, reply } of outcomes) {
    if (reply.outcome !== 'succeeded' || reply.empty === true) continue;
    const group = settled.get(job.handler) ?? [];
    group.push({ command: handled(job), reply });
    settled.set(job.handler, group);
  }
  for (const [handler, group] of settled) await handler.record(group, tx);
}

function newRows(
  outcomes: readonly Outcome[],
  found: ReadonlyMap<string, readonly BarrierRow[]>,
): readonly StoredBarrierRow[] {
  return outcomes.flatMap(({ job, reply }) => rowsOf(job, reply, found.get(branchName(branchOf(job))) ?? []));
}
