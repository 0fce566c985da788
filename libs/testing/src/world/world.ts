/**
 * One seed, one world: the real coordinators, participants, relays and barrier over memory, with a clock that is moved
 * by hand and a plan of faults drawn from the seed. It only drives; `audit.ts` judges what came of it.
 * It must never read the host's time or luck, nor wait for its event loop: the seed alone replays it, byte for byte.
 */
import { MemoryBroker, MemoryStore, ManualClock } from '@sagamore/memory';
import { seededRandom, shardOf, type Random } from '@sagamore/primitives';
import {
  deadLetterTopic,
  inboxTopic,
  transactionEventsTopic,
  type Handler,
  type Journal,
  type Barrier,
  type Bus,
  type Message,
} from '@sagamore/runtime';
import { audit, type Evidence } from './audit.js';
import { scheduleClogs, type ClogWorld } from './clogs.js';
import { calm, drawFaultPlan, type FaultPlan } from './fault-plan.js';
import { faultKinds, Faults, type FaultKind } from './faults.js';
import { Host } from './host.js';
import { drawOrders, Client } from './client.js';
import { Network } from './network.js';
import { poisonMessage } from './poison.js';
import { Provider } from './provider.js';
import { boot, callsMax, roles, type Running } from './roles.js';
import { StepAudit } from './step-audit.js';
import { untilStill } from './stillness.js';

/** How a planted bug gets between the runtime and its ports. */
export interface Sabotage {
  readonly barrier?: (barrier: Barrier) => Barrier;
  readonly journal?: (journal: Journal) => Journal;
  readonly handler?: (handler: Handler) => Handler;
  /** The coordinators' bus. */
  readonly bus?: (bus: Bus) => Bus;
}

export interface SimulationOptions {
  /** Transactions in this world. Default: 10 to 40, drawn from the seed. */
  readonly transactions?: number;
  /** Changes of the plan drawn from the seed; `'none'` for a calm world. */
  readonly faults?: Partial<FaultPlan> | 'none';
  readonly sabotage?: Sabotage;
}

/** What a world has come to. */
export interface Run {
  readonly seed: number;
  /** Each begins with the number of the invariant that does not hold. Empty: all hold. */
  readonly violations: readonly string[];
  /** The faults that really happened. */
  readonly faults: readonly string[];
  /** Everything that happened, line by line; the same for the same seed. */
  readonly trace: readonly string[];
  /** Every transaction's row and events, one line each; the same for the same seed. */
  readonly journal: readonly string[];
  /** What the seed came to exercise: ends by status, refused writes, parks, crash points and the like. */
  readonly counts: Readonly<Record<string, number>>;
  /** For people: the seed, what is wrong, the faults, and the journal of whatever is wrong. */
  report(): string;
}

const services = ['orchestrator', 'stock', 'payment', 'parcel', 'orders'];
/** Where commands and everything for the coordinators go. */
const topics = [inboxTopic, ...services.slice(1).map((service) => `${service}.commands`)];

/** How long a healed world may take to come to rest, ms (I38). */
const restWithinMs = 60_000;
const stepMs = 100;

/** Runs one world to its rest and judges it. Bounded: a world that never rests is a violation, not a hang. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Run> {
  const world = new World(seed, options);
  return world.run();
}

/** Everything that outlives its processes. */
export class World implements ClogWorld {
  readonly clock = new ManualClock();
  readonly broker = new MemoryBroker();
  readonly stores = new Map<string, MemoryStore>();
  readonly outside = { cards: new Provider('card network'), carrier: new Provider('carrier') };
  readonly facts: Message[] = [];
  readonly letters: Message[] = [];
  readonly problems: string[] = [];
  readonly counts: Record<string, number> = {};
  readonly trace: string[] = [];
  readonly faults: Faults;
  readonly network: Network;
  readonly luck: Random;
  readonly shardCount: number;
  readonly sabotage: Sabotage;
  private readonly running = new Map<Host, Running>();
  private readonly client: Client;
  private readonly stepAudit = new StepAudit(this);
  private bootedCount = 0;
  private poisons = 0;
  private activity = 0;

  constructor(
    readonly seed: number,
    { transactions, faults = {}, sabotage = {} }: SimulationOptions,
  ) {
    this.luck = seededRandom(seed);
    const drawn = drawFaultPlan(seededRandom(seed ^ 0x5eed), { roles, services, topics });
    const plan = faults === 'none' ? calm : { ...drawn, ...faults };
    this.faults = new Faults(plan, seededRandom(seed ^ 0xfa17), () => this.clock.now());
    this.network = new Network(this, this.broker);
    this.shardCount = 1 + Math.floor(this.luck.next() * 4);
    this.sabotage = sabotage;
    const count = transactions ?? 10 + Math.floor(this.luck.next() * 31);
    const fate = seededRandom(seed ^ 0xb0b);
    const breaks = (): boolean => fate.next() < plan.brokenShare;
    this.client = new Client(this, drawOrders(this.luck, { count, withinMs: plan.untilMs * 0.8, breaks }));
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

  /** The processes that are up now and play that role. */
  up(role: string): readonly Running[] {
    return [...this.running.values()].filter((each) => each.role === role && each.host.isUp);
  }

  hostOf(role: string): Host | undefined {
    return this.up(role)[0]?.host;
  }

  replace(role: string): void {
    this.boot(role);
  }

  shardOf(transactionId: string): number {
    return shardOf(transactionId, this.shardCount);
  }

  async run(): Promise<Run> {
    this.openTopics();
    this.client.fillStock();
    for (const role of roles) this.boot(role);
    this.client.start();
    this.schedulePauses();
    scheduleClogs(this);
    this.schedulePoison();
    const { untilMs } = this.faults.plan;
    while (this.clock.now() < untilMs) await this.advance();
    this.heal();
    const isAtRest = await this.rest();
    const violations = audit(this.evidence(isAtRest));
    return this.tell(violations);
  }

  private openTopics(): void {
    this.broker.topic(inboxTopic).ensure(this.shardCount);
    for (const topic of topics.slice(1))
      this.broker.topic(topic).ensure(1 + Math.floor(this.luck.next() * 3));
    this.watch(transactionEventsTopic, this.facts);
    for (const topic of topics) this.watch(deadLetterTopic(topic), this.letters);
  }

  private watch(topic: string, into: Message[]): void {
    const group = this.broker.topic(topic);
    const append = group.append.bind(group);
    group.append = (message) => {
      into.push(message);
      append(message);
    };
  }

  private boot(role: string): void {
    const name = `${role}#${++this.bootedCount}`;
    const host = new Host(name, this, (dead) => this.bury(dead, role));
    this.note(`${name} starts`);
    this.running.set(host, boot(role, host, this));
  }

  /** A dead process comes back under a new name, over the same stores, unless another plays its role by now. */
  private bury(dead: Host, role: string): void {
    this.running.delete(dead);
    this.clock.after(this.faults.ms(50, 1_500), () => {
      const others = [...this.running.values()].filter((each) => each.role === role);
      if (others.length === 0) this.boot(role);
    });
  }

  /** A process that stands still is taken for dead: half the time another one starts in its place, and then there are
   *  two of them once it goes on. */
  private schedulePauses(): void {
    for (const { role, atMs, forMs } of this.faults.plan.pauses) {
      this.clock.after(atMs, () => {
        const [chosen] = this.up(role);
        if (chosen === undefined || this.faults.healed) return;
        this.faults.note('pause', `${chosen.host.name} stands still for ${forMs} ms`);
        chosen.host.pause();
        if (this.faults.ms(0, 1) === 1) this.boot(role);
        this.clock.after(forMs, () => chosen.host.resume());
      });
    }
  }

  /** Straight onto the topic: who writes it asks no process of ours. */
  private schedulePoison(): void {
    for (const poison of this.faults.plan.poisons) {
      this.clock.after(poison.atMs, () => {
        const number = this.poisons++;
        this.faults.note('poison message', `nonsense ${number} lands on ${poison.topic}`);
        const partition = poison.topic === inboxTopic ? number % this.shardCount : 0;
        this.broker.topic(poison.topic).append(poisonMessage(poison, number, partition));
      });
    }
  }

  private heal(): void {
    this.note('healed');
    this.faults.heal();
    for (const { host } of this.running.values()) host.heal();
  }

  private async rest(): Promise<boolean> {
    const until = this.clock.now() + restWithinMs;
    let quietSteps = 0;
    while (this.clock.now() < until) {
      await this.advance();
      quietSteps = this.isAtRest() ? quietSteps + 1 : 0;
      // Longer than any message, sweep or poll takes, so that nothing is still under way.
      if (quietSteps * stepMs >= 1_500) return true;
    }
    return false;
  }

  private isAtRest(): boolean {
    const isEmpty = (service: string, table: string) => this.store(service).table(table).rows.size === 0;
    return (
      this.client.isDone() &&
      isEmpty('orchestrator', 'outbox') &&
      isEmpty('orders', 'outbox') &&
      isEmpty('payment', 'intent') &&
      isEmpty('parcel', 'intent')
    );
  }

  private async advance(): Promise<void> {
    await this.clock.advanceAsync(stepMs, () => this.settle());
    this.stepAudit.look();
  }

  private settle(): Promise<void> {
    return untilStill(() => this.activity);
  }

  private evidence(isAtRest: boolean): Evidence {
    const { facts, letters, problems, outside, shardCount } = this;
    const holding = [...this.running.values()].flatMap(({ coordinator }) =>
      coordinator === undefined ? [] : [coordinator.holding],
    );
    return {
      isAtRest,
      facts,
      letters,
      problems,
      outside,
      shardCount,
      callsMax,
      holding,
      poisons: this.poisons,
      initialStock: this.client.initialStock,
      orders: this.client.orders,
      rows: <Row>(service: string, table: string) => this.store(service).committed<Row>(table),
    };
  }

  private tell(found: readonly string[]): Run {
    const { seed, trace } = this;
    const journal = journalOf(this.store('orchestrator'));
    this.count('crash points', this.faults.pointsPassed);
    this.count('faults', this.faults.happened.length);
    for (const [kind, times] of this.faults.tally) this.count(`fault: ${kind}`, times);
    for (const { mostAtOnce } of Object.values(this.outside))
      if (mostAtOnce === callsMax) this.count('bulkheads full');
    for (const { type } of this.facts) this.count(type);
    for (const [, { parent, status }] of this.store('orchestrator').committed<StoredFamily>('transaction'))
      if (parent !== undefined) this.count(`children ${status}`);
    const faults = this.faults.happened;
    const report = () => reportOf({ seed, violations: found, faults, journal });
    return { seed, violations: found, faults, trace, journal, counts: this.counts, report };
  }
}

interface StoredFamily {
  readonly parent?: unknown;
  readonly status: string;
}

/** Every row of the orchestrator's tables that tells of a transaction, in words. */
function journalOf(store: MemoryStore): readonly string[] {
  const rows = store.committed<unknown>('transaction').map(([key, row]) => `${key} ${JSON.stringify(row)}`);
  const events = store.committed<unknown>('journal').map(([key, row]) => `${key} ${JSON.stringify(row)}`);
  return [...rows, ...events].toSorted();
}

function reportOf({
  seed,
  violations,
  faults,
  journal,
}: Pick<Run, 'seed' | 'violations' | 'faults' | 'journal'>): string {
  const named = new Set(violations.flatMap((line) => line.match(/[0-9a-f]{8}-[0-9a-f-]{27}/g) ?? []));
  const shown = [...named].slice(0, 3);
  return [
    `seed ${seed}: ${violations.length === 0 ? 'all invariants hold' : ''}`,
    ...violations.slice(0, 20),
    `faults (${faults.length}):`,
    ...faults,
    ...shown.flatMap((id) => [`journal of ${id}:`, ...journal.filter((line) => line.startsWith(id))]),
    `replay it alone with SEED=${seed} npm run test:sim`,
  ].join('\n');
}

export { calm, faultKinds, type FaultKind, type FaultPlan };
export { simulateAtomic, type AtomicOptions, type AtomicRun, type AtomicSabotage } from './atomic/world.js';
