/**
 * Drives many transactions at once: a batch in, transitions, one journal write, a batch out (architecture §6 rows 5, 7
 * and 10). The order is the contract: commands go out AFTER the commit that implies them, and the inbox's position
 * moves AFTER both. It decides nothing itself; the machines do.
 */
import type { TransactionId } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import { calledBranches, type CalledBranches } from './called-branches.js';
import type { CallsUnderWay } from './limiter.js';
import {
  settled,
  type CoordinatorHooks,
  type CoordinatorOptions,
  type CoordinatorPorts,
} from './coordinator-options.js';
import { bury, deadLetter, type DeadLetterData } from './dead-letters.js';
import { decide, hasEffect, shelve, undecided, type Decision, type DecisionContext } from './decision.js';
import { DecisionAnswers, isQuestion } from './decision-answers.js';
import { DecisionWriter, type HopelessStart } from './decision-writer.js';
import { isShelved } from './definitions.js';
import { Dispatcher } from './dispatcher.js';
import { Evictions } from './evictions.js';
import { readInput, type Input } from './inbox.js';
import { LateReplies } from './late-replies.js';
import { LiveTransactions } from './live-transactions.js';
import { LockKeeper } from './lock-keeper.js';
import { LocalFunctions } from './local-functions.js';
import { inboxTopic, type Message } from './message.js';
import type { ActiveSubscription, Delivery, Epoch, Shard, StoredTransaction } from './ports.js';
import { Serial } from './serial.js';
import { ShardHolder } from './shard-holder.js';
import { Subjects } from './subjects.js';
import { Traffic } from './traffic.js';
import { TrialsAlone } from './trials.js';
import { Watchdog, type Stray } from './watchdog.js';
import { WishReader } from './wish-reader.js';

const tickMs = 25;
/** For how many time is an event in one batch: messages must not wait for ten thousand that fall due together. */
const dueMax = 500;
/** Transactions that the watchdog looks at in one look. */
const watchedMax = 200;
/** After a fault of the store, before time tries again. */
const faultPauseMs = 1_000;

export class Coordinator {
  private readonly options: ReturnType<typeof settled>;
  private readonly hooks: Required<CoordinatorHooks>;
  private readonly traffic: Traffic;
  private readonly live: LiveTransactions;
  private readonly serial = new Serial();
  private readonly shards: ShardHolder;
  private readonly writer: DecisionWriter;
  private readonly dispatcher: Dispatcher;
  private readonly subjects: Subjects;
  private readonly answers: DecisionAnswers;
  private readonly late: LateReplies;
  private readonly locks: LockKeeper;
  private readonly locals: LocalFunctions;
  private readonly called: CalledBranches | undefined;
  /** What this process has found out itself, and no message will say again: waits here until it is saved. */
  private readonly heard: Input[] = [];
  private readonly evictions: Evictions;
  private readonly wishes: WishReader;
  private readonly watchdog: Watchdog;
  private subscription: ActiveSubscription | undefined;
  /** When doubtful transactions are read again without any message asking for it; ms of the monotonic clock. */
  private reloadAt = 0;
  private cancelTick: (() => void) | undefined;
  private stopped = true;

  constructor(
    private readonly ports: CoordinatorPorts,
    options: CoordinatorOptions,
  ) {
    this.options = settled(options);
    this.hooks = this.options.hooks;
    const { onFault, onBug, onShards, onSaved, onRest, onBreaker } = this.hooks;
    this.traffic = new Traffic({
      ...this.options.window,
      trials: ports.trials ?? new TrialsAlone(),
      now: () => ports.journal.now(),
      onBreaker,
      onFault,
    });
    this.live = new LiveTransactions((id) => this.traffic.delayOf(id));
    const { owner, takeoverGraceMs: graceMs, traceparent } = this.options;
    const isWanted = this.live.waitsFor.bind(this.live);
    this.locals = new LocalFunctions(ports.clock, {
      atOnceMax: this.options.localsMax,
      isWanted,
      tell: (input) => this.hear(input),
      onBug,
    });
    const runLocal = this.locals.run.bind(this.locals);
    this.evictions = new Evictions(ports, this.options);
    this.called = calledBranches(ports.calls, {
      callsMax: this.options.callsMax,
      operations: this.options.definitions.called,
      isWanted,
      tell: (input) => this.hear(input),
      now: () => ports.journal.now(),
      traceparent,
      onFault,
    });
    this.dispatcher = new Dispatcher(ports, this.live, {
      shardCount: this.options.shardCount,
      graceMs,
      runLocal,
      call: (live, command) => this.called?.call(live, command),
      traffic: this.traffic,
      onFault,
      traceparent,
    });
    this.shards = new ShardHolder(ports.journal, ports.clock, {
      ...this.options,
      graceMs,
      inherit: () => ports.relay.inherit(),
      revive: (page) => this.resume(page),
      forget: (shard) => {
        this.live.dropShard(shard);
        this.traffic.forgetShard(shard);
      },
      onShards,
      onFault,
    });
    this.late = new LateReplies(ports, {
      graceMs: this.options.lateGraceMs,
      onLateReply: this.hooks.onLateReply,
      onFault,
    });
    this.locks = new LockKeeper(ports, this.live, {
      lookMs: this.options.lockLookMs,
      holds: (shard) => this.shards.holds(shard),
      onFault,
    });
    this.subjects = new Subjects(ports.journal, this.options.definitions, this.shards, this.live, this.hooks);
    this.watchdog = new Watchdog(ports, this.shards, this.live, {
      pauseMs: this.options.watchMs,
      pageMax: watchedMax,
      resume: (forgotten) => this.resume(forgotten),
      onStray: this.hooks.onStray,
    });
    this.wishes = new WishReader(ports, this.shards, this.live, this.options);
    this.writer = new DecisionWriter(ports, this.shards, this.live, { owner, onBug, onSaved, onRest });
    const { live, subjects, writer, dispatcher } = this;
    this.answers = new DecisionAnswers({ journal: ports.journal, live, subjects, writer, dispatcher });
  }

  /** Joins the inbox; the shards that come with it are taken before their first message is read. */
  async start(): Promise<void> {
    this.stopped = false;
    this.locals.start();
    this.called?.start();
    this.shards.start();
    this.subscription = await this.ports.bus.subscribe({
      topic: inboxTopic,
      group: 'orchestrator',
      handle: (batch) => this.serial.run(() => this.handle(batch)),
      onAssigned: (partitions) => this.serial.run(() => this.shards.hold(partitions)),
    });
    this.scheduleTick();
  }

  /** Hands over: finishes the batch in hand, leaves the group, sends nothing more. */
  async stop(): Promise<void> {
    await Promise.all([this.locals.stop(), this.called?.stop()]);
    this.stopped = true;
    this.shards.stop();
    this.cancelTick?.();
    await this.subscription?.stop();
    await this.serial.idle();
    this.shards.dropAll();
  }

  healthy(): boolean {
    return this.subscription?.healthy() ?? false;
  }

  /** Shards held now, under which epochs, and transactions in memory. */
  get holding(): {
    readonly shards: readonly Shard[];
    readonly epochs: ReadonlyMap<Shard, Epoch>;
    readonly transactions: number;
  } {
    const { held: shards, epochs } = this.shards;
    return { shards, epochs, transactions: this.live.size };
  }

  /** Shards that are assigned to this process and that it does not hold: it is taking them, or another took them. */
  get missing(): readonly Shard[] {
    return this.shards.missing;
  }

  /** The last moving transactions that nobody had in hand, as this process found them, newest last. */
  get strays(): readonly Stray[] {
    return this.watchdog.strays;
  }

  /** Calls to participants over HTTP, by participant and direction: places that are taken, and calls that wait for one. */
  get calls(): readonly CallsUnderWay[] {
    return this.called?.load ?? [];
  }

  private async handle(batch: readonly Delivery[]): Promise<void> {
    const inputs: Input[] = [];
    const letters: Message<DeadLetterData>[] = [];
    const starts = new Map<TransactionId, Delivery>();
    for (const delivery of batch) {
      const input = readInput(delivery.message, delivery.origin.partition);
      if ('reason' in input) letters.push(deadLetter(delivery, input.reason));
      else if (this.shards.holds(input.shard)) inputs.push(input);
      if ('kind' in input && (input.kind === 'start' || input.kind === 'child-asked'))
        starts.set(input.transactionId, delivery);
    }
    const told = inputs.filter((input) => !isQuestion(input));
    for (const { transactionId, reason } of await this.process(told)) {
      letters.push(deadLetter(starts.get(transactionId)!, reason));
    }
    await this.answers.answer(inputs.filter(isQuestion));
    await bury(this.ports.bus, letters, this.hooks.onFault);
    this.keepForOwner(batch);
  }

  /** What came for a shard that is not held was not handled, so its position must not move, whatever the reason: another
   *  took the shard, taking it was broken off by a stop, or it was not announced yet (R10). Either the group takes it from
   *  us, or we take it. */
  private keepForOwner(batch: readonly Delivery[]): void {
    const stray = batch.find(({ origin }) => !this.shards.holds(origin.partition));
    if (stray === undefined) return;
    const { partition } = stray.origin;
    throw new Fault('SHARD_LEASE_LOST', `shard ${partition} was wanted, found it not held here`, {
      retryable: true,
    });
  }

  /** Answers the starts that can never begin; everything else is saved, remembered and sent when it resolves. */
  private async process(arrived: readonly Input[]): Promise<readonly HopelessStart[]> {
    const hopeless: HopelessStart[] = [];
    await this.reloadDoubtful();
    const inputs = await this.wishes.expand(arrived);
    for (const input of inputs) this.traffic.hear(input);
    const context = this.context();
    this.late.begin();
    const summoned = await this.subjects.summon(inputs);
    const decisions = new Map<TransactionId, Decision>();
    for (const input of inputs) {
      const decision = decisions.get(input.transactionId) ?? this.subjects.subject(input, summoned, context);
      if (decision === undefined) this.late.hear(input, summoned);
      else if ('reason' in decision) hopeless.push(decision);
      else {
        const next = decide(decision, input, context);
        if (next === decision) this.late.left(decision, input);
        decisions.set(input.transactionId, next);
      }
    }
    const effective = [...decisions.values()].filter(hasEffect).map((each) => this.evictions.judge(each));
    this.hooks.onBatch(effective.length);
    const committed = await this.writer.commit(effective);
    for (const input of inputs) if (input.kind === 'due') this.rearm(input.transactionId);
    await this.dispatcher.publish(committed);
    await this.dispatcher.release();
    await this.late.save(this.shards.epochs);
    await this.hearOfLocks(inputs, committed);
    for (const { before, after } of committed)
      if (before === undefined)
        this.late.takeFor(after.record.transactionId).forEach((input) => this.hear(input));
    return [...hopeless, ...this.writer.takeUnsaveable()];
  }

  /** AFTER the commands are out: what this batch changed in a queue may let others go on, here or elsewhere. */
  private async hearOfLocks(inputs: readonly Input[], committed: readonly Decision[]): Promise<void> {
    this.locks.note(committed);
    for (const { kind, transactionId } of inputs)
      if (kind === 'lock') this.locks.watch(this.live.find(transactionId));
    const answers = await this.locks.answers();
    if (answers.length > 0) await this.process(answers);
  }

  private context(): DecisionContext {
    return { at: this.ports.journal.now(), random: this.ports.random, onBug: this.hooks.onBug };
  }

  /** A due time was taken out to be handled; if the machine found it too early, it is due again as the state says. */
  private rearm(id: TransactionId): void {
    this.live.arm(id, 0, this.ports.journal.now() + tickMs);
  }

  private hear(input: Input): void {
    this.heard.push(input);
    void this.tick();
  }

  /** A shard that was lost meanwhile is another's, who asks for himself. */
  private takeHeard(): readonly Input[] {
    if (this.reloadAt > this.ports.clock.now()) return [];
    return this.heard.splice(0).filter(({ shard }) => this.shards.holds(shard));
  }

  private scheduleTick(): void {
    if (this.stopped) return;
    this.cancelTick = this.ports.clock.after(tickMs, () => {
      void this.tick().finally(() => this.scheduleTick());
    });
  }

  private async tick(): Promise<void> {
    const isIdle = this.live.waiting === 0 && this.live.doubts.length === 0 && !this.shards.hasLost;
    const hasNothing = isIdle && this.heard.length === 0 && !this.locks.isDue && !this.late.isDue;
    const isHeldUp = this.traffic.isHeldUp;
    const isLookDue = this.wishes.isLookDue || this.watchdog.isDue;
    if (this.stopped || (hasNothing && !isHeldUp && !isLookDue && !this.maySweep())) return;
    await this.serial.run(async () => {
      await this.shards.retakeLost();
      await this.sweep();
      await this.survive(() => this.watchdog.look());
      if (isHeldUp) await this.release();
      const ids = this.live.takeDue(this.ports.journal.now(), dueMax);
      this.heard.push(...this.late.takeDue());
      const heard = this.takeHeard();
      const isNothing = ids.length === 0 && heard.length === 0 && !this.locks.isDue;
      if (isNothing && !this.mayReload() && !this.wishes.isLookDue) return;
      try {
        const wishes = await this.wishes.look();
        await this.process([...heard, ...wishes, ...ids.flatMap((id) => this.dueInput(id))]);
      } catch (error) {
        this.hooks.onFault(error);
        this.heard.unshift(...heard);
        this.reloadAt = this.ports.clock.now() + faultPauseMs;
        for (const id of ids) this.live.arm(id, 0, this.ports.journal.now() + faultPauseMs);
      }
    });
  }

  /** Nothing else may ever arrive to bring the doubtful ones back (R12). */
  private mayReload(): boolean {
    return this.live.doubts.length > 0 && this.reloadAt <= this.ports.clock.now();
  }

  private maySweep(): boolean {
    return this.shards.held.length > 0 && this.evictions.maySweep();
  }

  /** Brings back those that fall due soon; what fails here is tried again by the next sweep. */
  private async sweep(): Promise<void> {
    if (!this.maySweep()) return;
    const bringBack = (page: readonly StoredTransaction[]) =>
      this.resume(page.filter(({ transactionId }) => this.live.isUnknown(transactionId)));
    await this.survive(() => this.evictions.sweep(this.shards.epochs, bringBack));
  }

  private async survive(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.hooks.onFault(error);
    }
  }

  /** Time alone may have made room: a breaker that has rested, a ramp that has risen. */
  private async release(): Promise<void> {
    this.traffic.seekTrials();
    await this.survive(() => this.dispatcher.release());
  }

  private dueInput(transactionId: TransactionId): readonly Input[] {
    const live = this.live.get(transactionId);
    return live === undefined ? [] : [{ kind: 'due', transactionId, shard: live.record.shard }];
  }

  private async reloadDoubtful(): Promise<void> {
    const ids = this.live.doubts;
    if (ids.length === 0) return;
    for (const id of ids) this.traffic.forget(id);
    const stored = await this.ports.journal.load(ids);
    // What the lost commit announced is ours to publish, and must not be overtaken by what is announced next (I23).
    await this.ports.relay.inherit();
    const isOurs = ({ phase, shard }: StoredTransaction) => phase === 'moving' && this.shards.holds(shard);
    const isNear = ({ dueAt }: StoredTransaction) => dueAt === undefined || !this.evictions.isFar(dueAt);
    await this.resume(stored.filter((each) => isOurs(each) && isNear(each)));
    this.live.settle(ids);
  }

  private async resume(stored: readonly StoredTransaction[]): Promise<void> {
    const revived = this.subjects.revive(stored);
    const { at } = this.context();
    // Still moving by its row, it would be seen by nobody: neither in memory nor among the parked (S92).
    const parked = revived.filter(isShelved).map((live) => shelve(undecided(live), at));
    const judged = revived
      .filter((live) => !isShelved(live))
      .map((live) => this.evictions.judge(undecided(live)));
    await this.writer.commit([...parked, ...judged.filter(({ evictedUntil }) => evictedUntil !== undefined)]);
    await this.dispatcher.resume(
      judged.filter(({ evictedUntil }) => evictedUntil === undefined).map(({ after }) => after),
    );
    this.locks.watch(revived);
  }
}
