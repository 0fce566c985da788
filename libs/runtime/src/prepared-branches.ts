/**
 * Handlers whose work the database itself keeps in doubt (R19): a vote inside PREPARE TRANSACTION, and the two messages
 * that settle it. Each works by itself and answers when it is done, so that a wait for locks holds nobody's batch; a
 * crash loses nothing but an answer, for the coordinator asks again. It never decides: without a word all stays prepared.
 */
import { failed, judgePrepared, refused, succeeded, type BarrierRow, type Reply } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import {
  branchOf,
  emptyReply,
  handled,
  lateReply,
  rowsOf,
  savedReply,
  type Commanded,
  type Job,
} from './branch.js';
import type { LocalHandler, PreparedHandler } from './handler.js';
import { InDoubtSweep, type InDoubtPorts, type InDoubtSettings } from './in-doubt-sweep.js';
import type { Barrier, Tx } from './ports.js';

export interface PreparedJob extends Job {
  readonly handler: PreparedHandler;
}

export interface PreparedPorts extends InDoubtPorts {
  readonly barrier: Barrier;
}

export interface PreparedHooks {
  /** Told of each answer, AFTER what it says is durable. */
  readonly answer: (job: Commanded, reply: Reply) => void;
  readonly onFault: (error: unknown) => void;
}

/** What a branch is told that was settled against the decision; flagged by whoever decided (S71). */
export const settledOtherwise: Reply = refused('settled-otherwise');

/** The name of a branch's transaction while it is in doubt: `service:transaction:branch`. */
export function gidOf(service: string, job: Commanded): string {
  const { transactionId, branchId } = job.command.data;
  return `${service}:${transactionId}:${branchId}`;
}

/** The same work for one who is asked alone, in one phase. */
export function aloneHandlerOf({ operation, work }: PreparedHandler): LocalHandler {
  return {
    effect: 'local',
    operation,
    half: 'action',
    handle: async (commands, tx) => {
      const replies: Reply[] = [];
      for (const command of commands) replies.push(await work(command, tx));
      return replies;
    },
  };
}

/** Prepared work that is remembered for what it hopes to do after its commit; of more than these the oldest is forgotten,
 *  as with a process that dies: a hope only hastens what a sweep does anyway. */
const hopefulMax = 1_000;

export class PreparedBranches {
  private readonly underWay = new Set<Promise<void>>();
  private readonly hopeful = new Map<string, Tx>();

  private readonly service: string;
  private readonly sweep: InDoubtSweep;

  constructor(
    private readonly ports: PreparedPorts,
    settings: Omit<InDoubtSettings, 'onFault'>,
    private readonly hooks: PreparedHooks,
  ) {
    this.service = settings.service;
    this.sweep = new InDoubtSweep(ports, { ...settings, onFault: hooks.onFault });
  }

  /** Begins to vote on each; answered through the hook. */
  prepare(jobs: readonly PreparedJob[]): void {
    for (const job of jobs) this.begin(job, () => this.vote(job));
  }

  /** Begins to settle each as its message says; answered through the hook. Waits behind no prepare (R19). */
  settle(jobs: readonly Commanded[]): void {
    for (const job of jobs) this.begin(job, () => this.settleOne(job));
  }

  /** Asks about what an earlier process left in doubt, and from now on about what waits too long. */
  start(): void {
    this.sweep.start();
  }

  /** Waits for what is under way. What is prepared stays so. */
  async stop(): Promise<void> {
    await this.sweep.stop();
    while (this.underWay.size > 0) await Promise.all(this.underWay);
  }

  private begin(job: Commanded, work: () => Promise<Reply>): void {
    const done = work()
      .catch((error: unknown) => this.failedReply(error))
      .then((reply) => this.hooks.answer(job, reply))
      .catch(this.hooks.onFault)
      .finally(() => this.underWay.delete(done));
    this.underWay.add(done);
  }

  private async vote(job: PreparedJob): Promise<Reply> {
    const gid = gidOf(this.service, job);
    let worked: Tx | undefined;
    let repeated: Reply | undefined;
    const voted = await this.ports.prepared.prepare(gid, async (tx) => {
      const found = await this.ports.barrier.find(tx, [branchOf(job)]);
      const verdict = verdictOnVote(job, found);
      if (verdict === 'run') return this.work(job, (worked = tx), found);
      return (repeated = verdict === 'duplicate' ? savedReply(job, found) : lateReply);
    });
    // A repeat has written nothing, but it has not left: what it voted for is committed, and must be told how it ends (S71).
    const reply = repeated ?? voted;
    if (reply.outcome === 'succeeded' && reply.readOnly !== true && worked !== undefined)
      this.remember(gid, worked);
    if (reply.outcome !== 'refused' || reply === lateReply) return reply;
    await this.recordNo(job, reply);
    return reply;
  }

  private remember(gid: string, tx: Tx): void {
    this.hopeful.set(gid, tx);
    const [oldest] = this.hopeful.keys();
    if (this.hopeful.size > hopefulMax && oldest !== undefined) this.hopeful.delete(oldest);
  }

  private async work(job: PreparedJob, tx: Tx, found: readonly BarrierRow[]): Promise<Reply> {
    const reply = await job.handler.work(handled(job), tx);
    // The seat travels inside: it is seen when, and only when, the work is.
    if (reply.outcome === 'succeeded') await this.ports.barrier.insert(tx, rowsOf(job, reply, found));
    return reply;
  }

  /** BEFORE the no is told: a slower repeat of the same prepare then finds its seat taken, so nobody is left prepared who
   *  will not be told. Where the seat cannot be had somebody is preparing, and the answer is not a no. */
  private async recordNo(job: PreparedJob, no: Reply): Promise<void> {
    const { database, barrier } = this.ports;
    await database.transaction(async (tx) => {
      const found = await barrier.find(tx, [branchOf(job)]);
      if (verdictOnVote(job, found) === 'run') await barrier.insert(tx, rowsOf(job, no, found));
    });
  }

  private async settleOne(job: Commanded): Promise<Reply> {
    const gid = gidOf(this.service, job);
    const found = (): Promise<readonly BarrierRow[]> => this.find(job);
    const worked = this.hopeful.get(gid);
    if (job.command.data.operation === 'commit') {
      const end = await this.ports.prepared.commit(gid, found);
      if (end === 'done' && this.hopeful.delete(gid)) worked?.committed();
      return end === 'done' ? succeeded({}) : settledOtherwise;
    }
    const end = await this.ports.prepared.rollback(gid, found);
    this.hopeful.delete(gid);
    if (end === 'contradicted') return settledOtherwise;
    return this.closeSeat(job, end === 'absent' ? emptyReply : succeeded({}));
  }

  private find(job: Commanded): Promise<readonly BarrierRow[]> {
    const { database, barrier } = this.ports;
    return database.transaction((tx) => barrier.find(tx, [branchOf(job)]));
  }

  /** AFTER the rollback, BEFORE its answer: a prepare that is still on its way finds its seat taken (S4). A crash in
   *  between is repeated, and finds nothing to roll back. */
  private closeSeat(job: Commanded, reply: Reply): Promise<Reply> {
    const { database, barrier } = this.ports;
    return database.transaction(async (tx) => {
      const found = await barrier.find(tx, [branchOf(job)]);
      if (found.some(({ operation }) => operation === 'rollback')) return savedReply(job, found);
      await barrier.insert(tx, rowsOf(job, reply, found));
      return reply;
    });
  }

  private failedReply(error: unknown): Reply {
    if (error instanceof Fault) {
      const { code, message, retryable } = error;
      return failed({ code, message, retryable });
    }
    this.hooks.onFault(error);
    return failed({ code: 'HANDLER_FAILED', message: 'the handler could not do its work', retryable: false });
  }
}

function verdictOnVote(job: PreparedJob, found: readonly BarrierRow[]) {
  const { generation } = job.command.data;
  return judgePrepared({ operation: 'prepare', generation }, { isPrepared: false, found });
}
