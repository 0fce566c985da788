/**
 * Writes what calls to the outside came to: effect, barrier rows and the end of the intent in one commit, many at a time
 * (R9). The undo of an action that is still open waits here for it (R8). It calls nobody and answers nobody.
 */
import { partOf, type BarrierRow, type Reply } from '@sagamore/engine';
import {
  branchName,
  branchOf,
  groupByBranch,
  handled,
  isConflict,
  isDatabaseAway,
  lateReply,
  rowsOf,
  savedReply,
  verdictOn,
} from './branch.js';
import type { Job } from './branch.js';
import { gather } from './gather.js';
import type { ExternalHandler, Settled } from './handler.js';
import type { Barrier, Database, Intent, Intents, StoredBarrierRow, Tx } from './ports.js';

/** A command whose handler calls the outside. */
export interface ExternalJob extends Job {
  readonly handler: ExternalHandler;
}

export interface OutcomeRecorderSettings {
  /** The intent that was committed for a job. */
  readonly intentOf: (job: ExternalJob) => Intent;
  /** Told of an action's intent for which an undo waits and that nobody drives. */
  readonly onOrphan: (intent: Intent) => void;
}

/** What a call to the outside came to. */
export interface Outcome {
  readonly job: ExternalJob;
  readonly reply: Reply;
  /** Whether an undo has waited long enough for its action, and may speak for it. */
  readonly isPatient: boolean;
}

/** What recording came to: the reply to give, or `deferred` while the action of an undo is still open. */
export type Recorded = Reply | 'deferred' | Unrecorded;

/** One outcome that could not be recorded. A value, so that it fails alone and not with all of its batch (R2). */
export class Unrecorded {
  constructor(readonly error: unknown) {}
}

interface Weighed {
  readonly recorded: Recorded;
  /** Whether the effect and its rows are still to be written. */
  readonly isFresh: boolean;
  /** Intents of the action for which its undo speaks. */
  readonly closes?: readonly Intent[];
}

export class OutcomeRecorder {
  /** Resolves AFTER the commit. What could not be recorded alone comes as a value; rejects when the database is away. */
  readonly record: (outcome: Outcome) => Promise<Recorded>;

  constructor(
    private readonly ports: {
      readonly database: Database;
      readonly barrier: Barrier;
      readonly intents: Intents;
    },
    private readonly settings: OutcomeRecorderSettings,
  ) {
    this.record = gather((outcomes: readonly Outcome[]) => this.recordAll(outcomes), { max: 200 });
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
      .map(({ job }) => this.settings.intentOf(job));
    await intents.remove(tx, [...closed, ...weighed.flatMap(({ closes = [] }) => closes)]);
    await barrier.insert(tx, newRows(fresh, found));
    return weighed.map(({ recorded }) => recorded);
  }

  /** What may be recorded of one outcome, given the intents and rows of its branch. */
  private weigh(
    { job, reply, isPatient }: Outcome,
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
    const actions =
      partOf(operation) === 'does' ? [] : intents.filter((intent) => partOf(intent.operation) === 'does');
    if (actions.length === 0) return { recorded: reply, isFresh: true };
    const expired = actions.filter((intent) => intent.claimedUntil <= this.ports.database.now());
    // An action that nobody can call would hold its undo, and the money, for ever. The undo's yes is the provider's word
    // on the key: it closes the action too, whose planted row makes whatever still comes of it late.
    const isSpokenFor = partOf(operation) === 'undoes' && isPatient && reply.outcome === 'succeeded';
    if (isSpokenFor && expired.length === actions.length)
      return { recorded: reply, isFresh: true, closes: expired };
    for (const intent of expired) this.settings.onOrphan(intent);
    return { recorded: 'deferred', isFresh: false };
  }
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
