/**
 * One seed, one atomic world: transactions of TCC, of two-phase commit and two-phase messages side by side, under the same
 * faults as the world of orders. It only drives; `audit.ts` judges what came of it. The seed alone replays it.
 */
import { ManualClock, MemoryBroker, MemoryStore } from '@sagamore/memory';
import { seededRandom, shardOf, type Random } from '@sagamore/primitives';
import {
  inboxTopic,
  startType,
  type Barrier,
  type Clock,
  type Message,
  type Prepared,
  type StartData,
} from '@sagamore/runtime';
import { scheduleClogs, type ClogWorld } from '../clogs.js';
import { calm, drawFaultPlan, type FaultPlan } from '../fault-plan.js';
import { Faults } from '../faults.js';
import { Host } from '../host.js';
import { epochMs } from '../host-ports.js';
import { Network } from '../network.js';
import { Provider } from '../provider.js';
import { audit } from './audit.js';
import { message, names, type AtomicInput, type Name } from './definitions.js';
import { boot, roles, type Process } from './processes.js';
import { save } from './services.js';
import { untilStill } from '../stillness.js';

/** How a planted bug gets between a participant and its ports. */
export interface AtomicSabotage {
  readonly barrier?: (service: string, barrier: Barrier) => Barrier;
  readonly prepared?: (prepared: Prepared, clock: Clock) => Prepared;
}

export interface AtomicOptions {
  /** Transactions of each protocol. Default 5. */
  readonly each?: number;
  /** Which protocols. Default all. */
  readonly protocols?: readonly Name[];
  /** Changes of the plan drawn from the seed; `'none'` for a calm world. */
  readonly faults?: Partial<FaultPlan> | 'none';
  readonly sabotage?: AtomicSabotage;
}

/** What a world has come to. */
export interface AtomicRun {
  /** Each begins with the number of what does not hold. Empty: all holds. */
  readonly violations: readonly string[];
  /** The faults that really happened. */
  readonly faults: readonly string[];
  /** Everything that happened, line by line; the same for the same seed. */
  readonly trace: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** Runs one world to its rest and judges it. Bounded: a world that never rests is a violation, not a hang. */
export function simulateAtomic(seed: number, options: AtomicOptions = {}): Promise<AtomicRun> {
  return new AtomicWorld(seed, options).run();
}

interface Wanted {
  readonly transactionId: string;
  readonly name: Name;
  readonly input: AtomicInput;
  readonly atMs: number;
}

const services = ['orchestrator', 'stock', 'ledger', 'card'];

/** How long a healed world may take to come to rest, ms (I38). */
const restWithinMs = 60_000;
const stepMs = 100;
/** What is not saved by then never will be, ms. */
const savedWithinMs = 20_000;

export class AtomicWorld implements ClogWorld {
  readonly clock = new ManualClock();
  readonly broker = new MemoryBroker();
  readonly cards = new Provider('card network');
  readonly problems: string[] = [];
  readonly counts: Record<string, number> = {};
  readonly trace: string[] = [];
  readonly faults: Faults;
  readonly network: Network;
  readonly shardCount: number;
  readonly sabotage: AtomicSabotage;
  private readonly stores = new Map<string, MemoryStore>();
  private readonly running = new Map<Host, Process>();
  private readonly wanted: readonly Wanted[];
  private bootedCount = 0;
  private activity = 0;

  constructor(
    readonly seed: number,
    { each = 5, protocols = names, faults = {}, sabotage = {} }: AtomicOptions,
  ) {
    const luck = seededRandom(seed);
    const drawn = drawFaultPlan(seededRandom(seed ^ 0x5eed), { roles, services, topics: [inboxTopic] });
    const plan = faults === 'none' ? calm : { ...drawn, ...faults };
    this.faults = new Faults(plan, seededRandom(seed ^ 0xfa17), () => this.clock.now());
    this.network = new Network(this, this.broker);
    this.shardCount = 1 + Math.floor(luck.next() * 3);
    this.sabotage = sabotage;
    this.wanted = draw(luck, { each, protocols, withinMs: plan.untilMs * 0.7 });
  }

  touch(): void {
    this.activity++;
  }

  note(line: string): void {
    this.trace.push(`${this.clock.now()} ${line}`);
  }

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }

  store(service: string): MemoryStore {
    const found = this.stores.get(service);
    if (found !== undefined) return found;
    const store = new MemoryStore();
    this.stores.set(service, store);
    return store;
  }

  hostOf(role: string): Host | undefined {
    return [...this.running.values()].find((each) => each.role === role && each.host.isUp)?.host;
  }

  replace(role: string): void {
    this.boot(role);
  }

  async run(): Promise<AtomicRun> {
    this.broker.topic(inboxTopic).ensure(this.shardCount);
    for (const role of roles) this.boot(role);
    for (const each of this.wanted) this.clock.after(each.atMs, () => this.begin(each));
    this.schedulePauses();
    scheduleClogs(this);
    while (this.clock.now() < this.faults.plan.untilMs) await this.advance();
    this.note('healed');
    this.faults.heal();
    for (const { host } of this.running.values()) host.heal();
    const isAtRest = await this.rest();
    const violations = audit({
      isAtRest,
      problems: this.problems,
      cards: this.cards,
      store: (service) => this.store(service),
    });
    for (const { status } of this.rows()) this.count(status);
    this.count('crash points', this.faults.pointsPassed);
    for (const [kind, times] of this.faults.tally) this.count(`fault: ${kind}`, times);
    return { violations, faults: this.faults.happened, trace: this.trace, counts: this.counts };
  }

  /** What is only started is started until it stands; a message is sent once, by a process that may die over it. */
  private begin(wanted: Wanted): void {
    if (wanted.name !== message.name) return this.start(wanted);
    const sender = [...this.running.values()].find(
      ({ role, host }) => role === 'ledger' && host.isUp,
    )?.sender;
    if (sender === undefined) return void this.clock.after(300, () => this.begin(wanted));
    const { transactionId, input } = wanted;
    // Most are short; one that is open for longer than the check-back waits is asked about meanwhile (S75).
    const isOpenMs = this.faults.ms(0, 3) === 0 ? this.faults.ms(800, 3_000) : this.faults.ms(0, 20);
    sender
      .send({ definition: message, transactionId, input }, async (tx) => {
        await save(transactionId, tx);
        await new Promise<void>((resolve) => void this.clock.after(isOpenMs, resolve));
        if (input.no === 'ledger') throw new RangeError('the ledger says no');
      })
      .catch(() => this.count('not sent'));
    this.clock.after(2_000, () => this.lookAfter(wanted));
  }

  private start(wanted: Wanted): void {
    if (this.isKnown(wanted)) return;
    this.network.carry(startOf(wanted, shardOf(wanted.transactionId, this.shardCount)));
    this.clock.after(1_000, () => this.start(wanted));
  }

  /** The sender's watchdog: the broker may lose an announcement that it acknowledged (R17). */
  private lookAfter(wanted: Wanted): void {
    const isSaved = this.store('ledger')
      .committed<{ readonly transactionId: string; readonly branchId: string }>('effects')
      .some(
        ([, { transactionId, branchId }]) =>
          transactionId === wanted.transactionId && branchId === 'save-ledger',
      );
    if (this.isKnown(wanted)) return;
    if (isSaved) this.start(wanted);
    else if (this.clock.now() < wanted.atMs + savedWithinMs)
      this.clock.after(1_000, () => this.lookAfter(wanted));
  }

  private isKnown({ transactionId }: Wanted): boolean {
    return this.rows().some((row) => row.transactionId === transactionId);
  }

  private rows() {
    return this.store('orchestrator')
      .committed<{
        readonly transactionId: string;
        readonly status: string;
        readonly phase: string;
      }>('transaction')
      .map(([, row]) => row);
  }

  private boot(role: string): void {
    const name = `${role}#${++this.bootedCount}`;
    const host = new Host(name, this, (dead) => this.bury(dead, role));
    this.note(`${name} starts`);
    this.running.set(host, boot(role, host, this));
  }

  /** A dead process comes back under a new name, over the same stores. */
  private bury(dead: Host, role: string): void {
    this.running.delete(dead);
    this.clock.after(this.faults.ms(50, 1_500), () => {
      if (![...this.running.values()].some((each) => each.role === role)) this.boot(role);
    });
  }

  private schedulePauses(): void {
    for (const { role, atMs, forMs } of this.faults.plan.pauses)
      this.clock.after(atMs, () => {
        const chosen = this.hostOf(role);
        if (chosen === undefined || this.faults.healed) return;
        this.faults.note('pause', `${chosen.name} stands still for ${forMs} ms`);
        chosen.pause();
        this.boot(role);
        this.clock.after(forMs, () => chosen.resume());
      });
  }

  private async rest(): Promise<boolean> {
    const until = this.clock.now() + restWithinMs;
    let quietSteps = 0;
    while (this.clock.now() < until) {
      await this.advance();
      quietSteps = this.isAtRest() ? quietSteps + 1 : 0;
      // Longer than a message is open, and than any sweep or check-back takes, so that nothing is still under way.
      if (quietSteps * stepMs >= 4_000) return true;
    }
    return false;
  }

  private isAtRest(): boolean {
    const isBegun = this.wanted.every((each) => each.name === message.name || this.isKnown(each));
    return (
      isBegun &&
      this.rows().every(({ phase }) => phase === 'final') &&
      ['stock', 'ledger'].every((service) => this.store(service).inDoubt.size === 0) &&
      this.store('card').table('intent').rows.size === 0
    );
  }

  private advance(): Promise<void> {
    return this.clock.advanceAsync(stepMs, () => this.settle());
  }

  private settle(): Promise<void> {
    return untilStill(() => this.activity);
  }
}

interface Drawing {
  readonly each: number;
  readonly protocols: readonly Name[];
  readonly withinMs: number;
}

const noesOfAll = ['stock', 'ledger', 'card', 'nobody', 'nobody', 'nobody'] as const;
const noesOfSender = ['ledger', 'nobody'] as const;

/** Half of them meet a no; to a message only its sender can say one. */
function draw(luck: Random, { each, protocols, withinMs }: Drawing): readonly Wanted[] {
  return protocols.flatMap((name, family) => {
    const noes = name === message.name ? noesOfSender : noesOfAll;
    return Array.from({ length: each }, (_, index) => ({
      transactionId: `0197a000-000${family}-7000-8000-${index.toString(16).padStart(12, '0')}`,
      name,
      input: { no: noes[Math.floor(luck.next() * noes.length)] ?? 'nobody' },
      atMs: Math.floor(luck.next() * withinMs),
    }));
  });
}

function startOf({ transactionId, name, input, atMs }: Wanted, partition: number): Message<StartData> {
  return {
    id: `${transactionId}/start`,
    type: startType,
    source: 'client',
    topic: inboxTopic,
    key: transactionId,
    partition,
    occurredAt: epochMs + atMs,
    data: { transactionId, definition: name, input },
  };
}
