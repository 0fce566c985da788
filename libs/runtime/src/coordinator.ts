/**
 * Drives many transactions at once: a batch in, transitions, one journal write, a batch out (architecture §6 rows 5, 7
 * and 10). The order is the contract: commands go out AFTER the commit that implies them, and the inbox's position
 * moves AFTER both. It decides nothing itself; the machines do.
 */
import type { SendCommand, TransactionId } from '@sagamore/engine';
import type { Random } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import { bury, deadLetter, type DeadLetterData } from './dead-letters.js';
import { begin, decide, hasEffect, spoil, undecided } from './decision.js';
import type { Decision, DecisionContext, LiveTransaction } from './decision.js';
import { DueTimes } from './due-times.js';
import { readInput, type Input } from './inbox.js';
import { Definitions, LiveTransactions, revive } from './live-transactions.js';
import {
  commandMessage,
  inboxTopic,
  transactionEventsTopic,
  traceparentOf,
  type Message,
  type OutcomeData,
} from './message.js';
import type { OutboxRelay } from './outbox-relay.js';
import type {
  ActiveSubscription,
  Bus,
  Clock,
  Delivery,
  Epoch,
  Journal,
  JournalBatch,
  JournalReceipt,
  Shard,
  StoredTransaction,
} from './ports.js';
import { Serial } from './serial.js';

export interface CoordinatorPorts {
  readonly journal: Journal;
  readonly relay: OutboxRelay;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
}

export interface CoordinatorOptions {
  /** This process, as shard rows and claims name it. */
  readonly owner: string;
  readonly definitions: Definitions;
  /** Partitions of `orchestrator.inbox`; stored the first time, and a silent change is refused (R14). */
  readonly shardCount: number;
  /** Transactions loaded and resumed at one time when a shard is taken. Default 500. */
  readonly takeoverBatch?: number;
  /** How long after a takeover an attempt that was sent again is given at least, ms. Default 5 000. */
  readonly takeoverGraceMs?: number;
  readonly hooks?: CoordinatorHooks;
}

/** Telemetry reaches the coordinator as hooks, and it waits for none of them (R25). */
export interface CoordinatorHooks {
  readonly onFault?: (error: unknown) => void;
  readonly onBug?: (transactionId: TransactionId, error: unknown) => void;
  readonly onShards?: (held: readonly Shard[]) => void;
  /** A reply or timer for a transaction at rest: counted, never obeyed (S35). */
  readonly onLate?: (count: number) => void;
  readonly onBatch?: (transactions: number) => void;
}

/** A start that no definition here can begin, for the dead letters. */
interface HopelessStart {
  readonly transactionId: TransactionId;
  readonly reason: string;
}

const tickMs = 25;
const graceMs = 5_000;
/** After a fault of the store, before time tries again. */
const faultPauseMs = 1_000;
const emptyBatch: JournalBatch = { starts: [], entries: [], statuses: [], facts: [] };

export class Coordinator {
  private readonly live = new LiveTransactions();
  private readonly dueTimes = new DueTimes();
  private readonly shards = new Map<Shard, Epoch>();
  private readonly serial = new Serial();
  /** Transactions whose last commit has an unknown fate: read again before anything else is decided (R12). */
  private readonly doubtful = new Set<TransactionId>();
  /** Starts that the journal can never take, on their way to the dead letters. */
  private readonly unsaveable: HopelessStart[] = [];
  /** Shards that are assigned to us and were taken by somebody else, with the instant we found out. */
  private readonly lost = new Map<Shard, number>();
  private readonly hooks: Required<CoordinatorHooks>;
  private subscription: ActiveSubscription | undefined;
  /** When doubtful transactions are read again without any message asking for it; ms of the monotonic clock. */
  private reloadAt = 0;
  private cancelTick: (() => void) | undefined;
  private stopped = true;

  constructor(
    private readonly ports: CoordinatorPorts,
    private readonly options: CoordinatorOptions,
  ) {
    const nothing = (): void => {};
    this.hooks = {
      onFault: nothing,
      onBug: nothing,
      onShards: nothing,
      onLate: nothing,
      onBatch: nothing,
      ...options.hooks,
    };
  }

  /** Joins the inbox; the shards that come with it are taken before their first message is read. */
  async start(): Promise<void> {
    this.stopped = false;
    this.subscription = await this.ports.bus.subscribe({
      topic: inboxTopic,
      group: 'orchestrator',
      handle: (batch) => this.serial.run(() => this.handle(batch)),
      onAssigned: (partitions) => this.serial.run(() => this.holdShards(partitions)),
    });
    this.scheduleTick();
  }

  /** Hands over: finishes the batch in hand, leaves the group, sends nothing more. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTick?.();
    await this.subscription?.stop();
    await this.serial.idle();
    for (const shard of this.shards.keys()) this.dropShard(shard);
  }

  healthy(): boolean {
    return this.subscription?.healthy() ?? false;
  }

  /** Shards held now, and transactions in memory. */
  get holding(): { readonly shards: readonly Shard[]; readonly transactions: number } {
    return { shards: [...this.shards.keys()], transactions: this.live.size };
  }

  private async handle(batch: readonly Delivery[]): Promise<void> {
    const inputs: Input[] = [];
    const letters: Message<DeadLetterData>[] = [];
    const starts = new Map<TransactionId, Delivery>();
    for (const delivery of batch) {
      const input = readInput(delivery.message, delivery.origin.partition);
      if ('reason' in input) letters.push(deadLetter(delivery, input.reason));
      else if (this.shards.has(input.shard)) inputs.push(input);
      if ('kind' in input && input.kind === 'start') starts.set(input.transactionId, delivery);
    }
    for (const { transactionId, reason } of await this.process(inputs)) {
      letters.push(deadLetter(starts.get(transactionId)!, reason));
    }
    await bury(this.ports.bus, letters, this.hooks.onFault);
    this.keepForOwner(batch);
  }

  /** What came for a shard that is not held was not handled, so its position must not move, whatever the reason: another
   *  took the shard, taking it was broken off by a stop, or it was not announced yet (R10). Either the group takes it from
   *  us, or we take it. */
  private keepForOwner(batch: readonly Delivery[]): void {
    const stray = batch.find(({ origin }) => !this.shards.has(origin.partition));
    if (stray === undefined) return;
    const { partition } = stray.origin;
    throw new Fault('SHARD_LEASE_LOST', `shard ${partition} was wanted, found it not held here`, {
      retryable: true,
    });
  }

  /** Answers the starts that can never begin; everything else is saved, remembered and sent when it resolves. */
  private async process(inputs: readonly Input[]): Promise<readonly HopelessStart[]> {
    const hopeless: HopelessStart[] = [];
    await this.reloadDoubtful();
    const context = this.context();
    const subjects = await this.summon(inputs);
    const decisions = new Map<TransactionId, Decision>();
    for (const input of inputs) {
      const decision = decisions.get(input.transactionId) ?? this.subject(input, subjects, context);
      if (decision === undefined) continue;
      if ('reason' in decision) hopeless.push(decision);
      else decisions.set(input.transactionId, decide(decision, input, context));
    }
    const effective = [...decisions.values()].filter(hasEffect);
    this.hooks.onBatch(effective.length);
    const committed = await this.commit(effective);
    for (const input of inputs) if (input.kind === 'due') this.rearm(input.transactionId);
    await this.publish(committed);
    return [...hopeless, ...this.unsaveable.splice(0)];
  }

  private context(): DecisionContext {
    return { at: this.ports.journal.now(), random: this.ports.random, onBug: this.hooks.onBug };
  }

  /** Loads those addressed transactions that are not in memory: parked ones, and finished ones that are told something
   *  late. Starts are not looked up; the commit finds out whether they are known (R16). But a wish that comes together
   *  with a repeated start is for the one that is stored: it is taken only once, so it must not be lost. */
  private async summon(inputs: readonly Input[]): Promise<ReadonlyMap<TransactionId, Decision>> {
    const missing = inputs.filter(({ transactionId }) => this.live.get(transactionId) === undefined);
    const starting = new Set(
      missing.filter(({ kind }) => kind === 'start').map(({ transactionId }) => transactionId),
    );
    const wanted = missing.filter(
      ({ kind, transactionId }) => kind === 'resume' || !starting.has(transactionId),
    );
    const ids = [...new Set(wanted.map(({ transactionId }) => transactionId))];
    if (ids.length === 0) return new Map();
    const stored = await this.ports.journal.load(ids);
    const parked = stored.filter(({ phase, shard }) => phase !== 'final' && this.shards.has(shard));
    this.hooks.onLate(ids.length - parked.length);
    return new Map(this.reviveAll(parked).map((live) => [live.record.transactionId, undecided(live)]));
  }

  private subject(
    input: Input,
    summoned: ReadonlyMap<TransactionId, Decision>,
    context: DecisionContext,
  ): Decision | HopelessStart | undefined {
    const live = this.live.get(input.transactionId);
    if (live !== undefined) return undecided(live);
    const found = summoned.get(input.transactionId);
    return found === undefined && input.kind === 'start' ? this.begin(input, context) : found;
  }

  private begin(
    input: Input & { readonly kind: 'start' },
    { at, onBug }: DecisionContext,
  ): Decision | HopelessStart {
    const { transactionId, shard, start } = input;
    const protocol = this.options.definitions.latest(start.definition);
    if (protocol === undefined)
      return { transactionId, reason: `no definition is named ${start.definition}` };
    const { name: definition, version } = protocol;
    try {
      return begin(protocol, {
        transactionId,
        definition,
        version,
        shard,
        input: start.input,
        startedAt: at,
      });
    } catch (error) {
      onBug(transactionId, error);
      return { transactionId, reason: `${definition} cannot begin with this input` };
    }
  }

  /** Saves decisions and moves memory AFTER them; answers those that were really saved. */
  private async commit(decisions: readonly Decision[], retries = 1): Promise<readonly Decision[]> {
    if (decisions.length === 0) return [];
    try {
      const receipt = await this.save(decisions);
      return this.follow(decisions, receipt);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return this.commitAfter(error, decisions, retries);
    }
  }

  private async commitAfter(
    fault: Fault,
    decisions: readonly Decision[],
    retries: number,
  ): Promise<readonly Decision[]> {
    if (fault.code === 'SERIALIZATION_CONFLICT' && retries > 0) return this.commit(decisions, retries - 1);
    if (fault.code === 'DATABASE_UNAVAILABLE') throw fault;
    if (fault.code !== 'COMMIT_UNKNOWN' && decisions.length > 1) return this.commitHalves(decisions);
    const [culprit] = decisions;
    if (fault.code === 'DATA_REJECTED' && culprit !== undefined) return this.giveUp(culprit, fault);
    // Nobody knows whether this was written: read it again.
    if (fault.code === 'COMMIT_UNKNOWN')
      for (const { after } of decisions) this.doubt(after.record.transactionId);
    throw fault;
  }

  /** The store can never take what this decision holds (R2). A start goes to the dead letters; what is under way parks,
   *  for sending it again would bring the same words again, for ever. If even that is rejected, the journal holds
   *  something else than memory does: read it again. */
  private async giveUp({ before, after }: Decision, fault: Fault): Promise<readonly Decision[]> {
    const { transactionId } = after.record;
    this.hooks.onBug(transactionId, fault);
    const live = this.live.get(transactionId);
    if (before === undefined) {
      this.unsaveable.push({ transactionId, reason: 'the journal cannot take it' });
      return [];
    }
    if (live !== undefined) {
      const parked = spoil(undecided(live), this.ports.journal.now());
      try {
        return this.follow([parked], await this.save([parked]));
      } catch (error) {
        if (!(error instanceof Fault && error.code === 'DATA_REJECTED')) {
          this.doubt(transactionId);
          throw error;
        }
      }
    }
    this.doubt(transactionId);
    return [];
  }

  private async commitHalves(decisions: readonly Decision[]): Promise<readonly Decision[]> {
    const half = decisions.length >> 1;
    const first = await this.commit(decisions.slice(0, half));
    try {
      return [...first, ...(await this.commit(decisions.slice(half)))];
    } catch (error) {
      // What the first half saved has not been sent, and its redelivered input will change nothing: reading it again
      // sends what is outstanding.
      for (const { after } of first) this.doubt(after.record.transactionId);
      throw error;
    }
  }

  private save(decisions: readonly Decision[]): Promise<JournalReceipt> {
    const at = this.ports.journal.now();
    return this.ports.journal.commit(
      this.shards,
      {
        starts: decisions.filter(({ before }) => before === undefined).map(({ after }) => after.record),
        entries: decisions.flatMap(({ entries }) => entries),
        statuses: decisions
          .filter(({ before, standing }) => before?.phase !== standing.phase)
          .map(({ after, standing }) => ({ ...standing, ...identity(after.record), at })),
        facts: decisions.flatMap((decision) => factsOf(decision, at)),
      },
      this.options.owner,
    );
  }

  private follow(decisions: readonly Decision[], receipt: JournalReceipt): readonly Decision[] {
    for (const shard of receipt.stale) this.loseShard(shard);
    const known = new Set(receipt.known);
    const stale = new Set(receipt.stale);
    const saved = decisions.filter(
      ({ after, before }) =>
        !stale.has(after.record.shard) && !(before === undefined && known.has(after.record.transactionId)),
    );
    for (const decision of saved) this.remember(decision);
    this.ports.relay.publish(receipt.facts);
    return saved;
  }

  private remember({ after, standing }: Decision): void {
    const { transactionId } = after.record;
    this.dueTimes.forget(transactionId);
    if (standing.phase === 'moving') this.live.set(after);
    else this.live.delete(transactionId);
  }

  /** Sends what the decisions imply. Time-outs begin to run when the broker has acknowledged: a broker that is away
   *  costs no attempt (S56). */
  private async publish(decisions: readonly Decision[]): Promise<void> {
    const decidedAt = this.ports.journal.now();
    try {
      await this.send(decisions.map((decision) => this.messagesOf(decision, decidedAt)));
    } finally {
      // Whatever became of the send: a transaction that nothing falls due for would never be thought of again.
      const delayMs = this.ports.journal.now() - decidedAt;
      for (const { after } of decisions) this.arm(after.record.transactionId, delayMs);
    }
  }

  /** One send for all. When the broker can never take one of the messages, each transaction is sent by itself, so that
   *  the culprit holds nobody else (R2); its own attempt then times out. */
  private async send(groups: readonly (readonly Message[])[]): Promise<void> {
    const messages = groups.flat();
    if (messages.length === 0) return;
    try {
      await this.ports.bus.send(messages);
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'DATA_REJECTED')) throw error;
      this.hooks.onFault(error);
      if (groups.length > 1) for (const group of groups) await this.send([group]);
    }
  }

  private messagesOf(
    { after, commands }: Pick<Decision, 'after' | 'commands'>,
    at: number,
  ): readonly Message[] {
    const { transactionId, shard } = after.record;
    const replyTo = { topic: inboxTopic, partition: shard };
    return commands
      .filter((command): command is SendCommand => command.type === 'send')
      .map((command) => commandMessage(command, { transactionId, replyTo, at }));
  }

  private arm(id: TransactionId, delayMs: number, earliest = 0): void {
    const live = this.live.get(id);
    if (live === undefined) return;
    const dueAt = live.protocol.dueAt(live.state);
    this.dueTimes.set(id, dueAt === undefined ? undefined : Math.max(dueAt + delayMs, earliest));
  }

  /** A due time was taken out to be handled; if the machine found it too early, it is due again as the state says. */
  private rearm(id: TransactionId): void {
    this.arm(id, 0, this.ports.journal.now() + tickMs);
  }

  private scheduleTick(): void {
    if (this.stopped) return;
    this.cancelTick = this.ports.clock.after(tickMs, () => {
      void this.tick().finally(() => this.scheduleTick());
    });
  }

  private async tick(): Promise<void> {
    if (this.dueTimes.size === 0 && this.doubtful.size === 0 && this.lost.size === 0) return;
    await this.serial.run(async () => {
      await this.retakeLost();
      const ids = this.dueTimes.take(this.ports.journal.now());
      if (ids.length === 0 && !this.mayReload()) return;
      try {
        await this.process(ids.flatMap((id) => this.dueInput(id)));
      } catch (error) {
        this.hooks.onFault(error);
        this.reloadAt = this.ports.clock.now() + faultPauseMs;
        for (const id of ids) this.arm(id, 0, this.ports.journal.now() + faultPauseMs);
      }
    });
  }

  /** Nothing else may ever arrive to bring the doubtful ones back (R12). */
  private mayReload(): boolean {
    return this.doubtful.size > 0 && this.reloadAt <= this.ports.clock.now();
  }

  /** A shard that is still ours by assignment, long enough after another took it for the group to have told us if it
   *  were not: its takeover was late, and unless we take it back nobody holds it. */
  private async retakeLost(): Promise<void> {
    const { takeoverGraceMs = graceMs } = this.options;
    for (const [shard, at] of this.lost) {
      if (at + takeoverGraceMs > this.ports.clock.now()) continue;
      this.lost.delete(shard);
      await this.takeShard(shard);
      this.hooks.onShards([...this.shards.keys()]);
    }
  }

  private dueInput(transactionId: TransactionId): readonly Input[] {
    const live = this.live.get(transactionId);
    return live === undefined ? [] : [{ kind: 'due', transactionId, shard: live.record.shard }];
  }

  /** The assignment alone triggers taking a shard (R10). One that stayed ours is kept, if its epoch is still the stored
   *  one: while we stood still it may have been another's, and then nobody would hold it (R11). */
  private async holdShards(partitions: readonly number[]): Promise<void> {
    this.lost.clear();
    for (const shard of this.shards.keys()) if (!partitions.includes(shard)) this.dropShard(shard);
    for (const shard of await this.staleShards()) this.dropShard(shard);
    for (const shard of partitions) if (!this.shards.has(shard)) await this.takeShard(shard);
    this.hooks.onShards([...this.shards.keys()]);
  }

  /** An empty batch tells which epochs still stand. When the store cannot tell, every shard is taken anew. */
  private async staleShards(): Promise<readonly Shard[]> {
    if (this.shards.size === 0) return [];
    try {
      return (await this.ports.journal.commit(this.shards, emptyBatch, this.options.owner)).stale;
    } catch (error) {
      this.hooks.onFault(error);
      return [...this.shards.keys()];
    }
  }

  /** Goes on until it succeeds: without its shard no message of the partition may be read. */
  private async takeShard(shard: Shard): Promise<void> {
    for (let tries = 1; !this.stopped; tries++) {
      try {
        return await this.tryTakeShard(shard);
      } catch (error) {
        this.dropShard(shard);
        if (error instanceof Fault && !error.retryable) throw error;
        this.hooks.onFault(error);
        await new Promise<void>(
          (resolve) => void this.ports.clock.after(Math.min(2_000, 100 * tries), resolve),
        );
      }
    }
  }

  /** Reads all that the old owner achieved and sends what is outstanding, a bounded number at a time. */
  private async tryTakeShard(shard: Shard): Promise<void> {
    const { owner, shardCount, takeoverBatch = 500 } = this.options;
    this.shards.set(shard, await this.ports.journal.take(shard, owner, shardCount));
    let after: TransactionId | undefined;
    for (;;) {
      const page = await this.ports.journal.live(shard, {
        limit: takeoverBatch,
        ...(after === undefined ? {} : { after }),
      });
      await this.resume(page);
      if (page.length < takeoverBatch) return;
      after = page.at(-1)!.transactionId;
    }
  }

  private async reloadDoubtful(): Promise<void> {
    if (this.doubtful.size === 0) return;
    const ids = [...this.doubtful];
    const stored = await this.ports.journal.load(ids);
    await this.resume(stored.filter(({ phase, shard }) => phase === 'moving' && this.shards.has(shard)));
    for (const id of ids) this.doubtful.delete(id);
  }

  private async resume(stored: readonly StoredTransaction[]): Promise<void> {
    const { takeoverGraceMs = graceMs } = this.options;
    const revived = this.reviveAll(stored);
    for (const live of revived) this.live.set(live);
    const at = this.ports.journal.now();
    await this.send(
      revived.map((after) =>
        this.messagesOf({ after, commands: after.protocol.outstanding(after.state) }, at),
      ),
    );
    for (const { record, protocol, state } of revived) {
      const waitsForReply = protocol.outstanding(state).length > 0;
      this.arm(record.transactionId, 0, waitsForReply ? this.ports.journal.now() + takeoverGraceMs : 0);
    }
  }

  /** One that cannot be replayed here, for want of its definition or by a bug, stays in the store and stops nobody. */
  private reviveAll(stored: readonly StoredTransaction[]): readonly LiveTransaction[] {
    return stored.flatMap((transaction) => {
      try {
        const live = revive(transaction, this.options.definitions);
        if (live !== undefined) return [live];
        throw new TypeError(`no ${transaction.definition} of version ${transaction.version}`);
      } catch (error) {
        this.hooks.onBug(transaction.transactionId, error);
        return [];
      }
    });
  }

  private doubt(id: TransactionId): void {
    this.live.delete(id);
    this.dueTimes.forget(id);
    this.doubtful.add(id);
  }

  /** Another took it; whether it is still assigned to us, the group will say. */
  private loseShard(shard: Shard): void {
    if (this.shards.has(shard)) this.lost.set(shard, this.ports.clock.now());
    this.dropShard(shard);
  }

  private dropShard(shard: Shard): void {
    this.shards.delete(shard);
    for (const id of this.live.dropShard(shard)) this.dueTimes.forget(id);
    this.hooks.onShards([...this.shards.keys()]);
  }
}

function identity({ transactionId, shard }: { transactionId: TransactionId; shard: Shard }): {
  transactionId: TransactionId;
  shard: Shard;
} {
  return { transactionId, shard };
}

/** The announcements of a decision, for the outbox: nothing could derive them again once the transaction is purged. */
function factsOf(
  { after, commands }: Decision,
  at: number,
): readonly { shard: Shard; message: Message<OutcomeData> }[] {
  const { transactionId, definition, version, shard } = after.record;
  return commands.flatMap((command) => {
    if (command.type !== 'announce') return [];
    const { outcome, reason } = command;
    const data = { transactionId, definition, version, outcome };
    const message: Message<OutcomeData> = {
      id: `${transactionId}/${outcome}/${after.seq}`,
      type: `transaction.${outcome}`,
      source: 'orchestrator',
      topic: transactionEventsTopic,
      key: transactionId,
      occurredAt: at,
      traceparent: traceparentOf(transactionId),
      data: reason === undefined ? data : { ...data, reason },
    };
    return [{ shard, message }];
  });
}
