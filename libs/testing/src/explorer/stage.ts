/**
 * One run of an explored saga under one schedule: the real orchestrator and services over memory, with a clock that is moved
 * by hand, until nothing can happen any more. It only plays; `verdict.ts` judges what came of it.
 */
import type { RestReason, SagaDefinition } from '@sagamore/engine';
import { ManualClock, MemoryBroker, MemoryStore } from '@sagamore/memory';
import {
  commandTopic,
  deadLetterTopic,
  inboxTopic,
  startType,
  type Message,
  type StartData,
} from '@sagamore/runtime';
import { epochMs } from '../world/host-ports.js';
import { Host, type WorldBase } from '../world/host.js';
import { ChosenFaults } from './chosen-faults.js';
import type { Cast, Exploration, Look } from './exploration.js';
import type { Chance, Schedule } from './move.js';
import { Names } from './names.js';
import { boot, orchestrator, type Running } from './process.js';
import { Wire } from './wire.js';
import { untilStill } from '../world/stillness.js';

/** What a run has come to. */
export interface Played {
  readonly schedule: Schedule;
  /** Every place that was passed and every message that was sent, in order. */
  readonly chances: readonly Chance[];
  /** The last of them at which something went wrong; -1 where nothing did. */
  readonly lastStruck: number;
  /** What the schedule names and the run never came to. */
  readonly missed: Schedule;
  readonly isAtRest: boolean;
  /** `completed`, `compensated`, `parked`, ... or `not begun`. */
  readonly status: string;
  readonly reason?: RestReason;
  readonly before: unknown;
  readonly books: unknown;
  readonly effects: readonly string[];
  /** Found while it ran. */
  readonly problems: readonly string[];
  /** What happened, line by line, with its instant. */
  readonly story: readonly string[];
}

const rootId = '0197a000-0000-7000-8000-000000000001';
const stepMs = 50;
/** How long nothing may happen before the world counts as at rest: longer than any sweep, claim or pause here. */
const quietMs = 1_500;
/** After how much of nothing a run is taken for idle. */
const idleMs = 500;
/** How long the processes have to start. */
const bootMs = 100;
/** How long a process stays dead. */
const downMs = 200;
/** How long a run may take, and how long something is held back at most; ms of its own clock. */
const runMsMax = 1_800_000;
const heldMsMax = 600_000;
/** How often a person lets a parked saga go on before it counts as stuck. */
const resumesMax = 3;

interface Row {
  readonly transactionId: string;
  readonly status: string;
  readonly phase: string;
  readonly parent?: unknown;
  readonly reason?: RestReason;
}

/** Plays an exploration under one schedule. The same schedule always gives the same run. */
export function play(exploration: Exploration, schedule: Schedule): Promise<Played> {
  return new Stage(exploration, schedule).play();
}

export class Stage implements WorldBase {
  readonly clock = new ManualClock();
  readonly broker = new MemoryBroker();
  readonly names = new Names(rootId);
  readonly faults: ChosenFaults;
  readonly wire: Wire;
  readonly cast: Cast;
  readonly definition: SagaDefinition;
  private readonly stores = new Map<string, MemoryStore>();
  private readonly running = new Map<string, Running>();
  private readonly problems: string[] = [];
  private readonly story: string[] = [];
  private bootedCount = 0;
  private activity = 0;
  private resumes = 0;
  private quietSince = 0;
  private isTold = false;
  private lastNotedAt = 0;

  constructor(
    private readonly exploration: Exploration,
    private readonly schedule: Schedule,
  ) {
    this.definition = exploration.definition;
    this.cast = exploration.cast();
    this.faults = new ChosenFaults(schedule, () => this.clock.now());
    this.wire = new Wire(this, this.broker, this.faults, this.names);
  }

  touch(): void {
    this.activity++;
  }

  /** What a process takes up shows in what it does with it; and whoever reads this knows it by its role alone. */
  note(line: string): void {
    if (!this.isTold || / takes \d+ from /.test(line)) return;
    this.lastNotedAt = this.clock.now();
    const sinceStart = this.clock.now() - bootMs;
    this.story.push(`${String(sinceStart).padStart(7)} ms  ${line.replace(/^(\S+)#\d+ /, '$1 ')}`);
  }

  /** Nothing has happened for so long that only time-outs can be waited for. */
  get isIdle(): boolean {
    return this.clock.now() - this.lastNotedAt > idleMs;
  }

  problem(line: string): void {
    if (!this.problems.includes(line)) this.problems.push(line);
  }

  store(service: string): MemoryStore {
    const found = this.stores.get(service);
    if (found !== undefined) return found;
    const store = new MemoryStore();
    this.stores.set(service, store);
    return store;
  }

  /** The process that plays the role now, if it is up. */
  up(role: string): Running | undefined {
    const running = this.running.get(role);
    return running?.host.isUp === true ? running : undefined;
  }

  async play(): Promise<Played> {
    this.prepare();
    const before = this.books();
    await this.advance(bootMs);
    this.faults.watch();
    this.isTold = true;
    this.wire.carry(this.startMessage());
    const isAtRest = await this.rest();
    return this.told(isAtRest, before);
  }

  private prepare(): void {
    this.broker.topic(inboxTopic).ensure(1);
    for (const [service, { rows = {} }] of Object.entries(this.cast.services)) {
      for (const [table, content] of Object.entries(rows))
        for (const [key, row] of Object.entries(content)) this.store(service).table(table).apply(key, row);
      this.watchLetters(commandTopic(service));
    }
    this.watchLetters(inboxTopic);
    for (const role of [orchestrator, ...Object.keys(this.cast.services)]) this.boot(role);
  }

  private watchLetters(topic: string): void {
    const letters = this.broker.topic(deadLetterTopic(topic));
    const append = letters.append.bind(letters);
    letters.append = (message) => {
      this.problem(`a message of ${topic} could not be handled and was buried: ${reasonIn(message)}`);
      append(message);
    };
  }

  private boot(role: string): void {
    const host = new Host(`${role}#${++this.bootedCount}`, this, () => {
      this.running.delete(role);
      this.clock.after(downMs, () => this.boot(role));
    });
    this.running.set(role, boot(role, host, this));
  }

  private startMessage(): Message<StartData> {
    const { definition, exploration } = this;
    return {
      id: `${rootId}/start`,
      type: startType,
      source: 'explorer',
      topic: inboxTopic,
      key: rootId,
      partition: 0,
      occurredAt: epochMs,
      data: { transactionId: rootId, definition: definition.name, input: exploration.input },
    };
  }

  /** Lives on until nothing can happen any more, letting go what was held back whenever all else has come to rest. */
  private async rest(): Promise<boolean> {
    let heldSince = this.clock.now();
    this.quietSince = this.clock.now();
    while (this.clock.now() < runMsMax) {
      await this.advance(this.isIdle ? idleMs : stepMs);
      if (!this.isQuiet()) this.quietSince = this.clock.now();
      const isAtRest = this.clock.now() - this.quietSince >= quietMs;
      if (!this.wire.isHolding) heldSince = this.clock.now();
      if (isAtRest && !this.wire.isHolding && !this.resume()) return true;
      if (isAtRest || this.clock.now() - heldSince > heldMsMax) this.wire.release();
    }
    return false;
  }

  private isQuiet(): boolean {
    const rows = this.rows();
    return (
      this.wire.isQuiet &&
      rows.every(({ phase }) => phase !== 'moving') &&
      this.running.size === Object.keys(this.cast.services).length + 1 &&
      [...this.stores.values()].every(
        (store) => store.table('outbox').rows.size === 0 && store.table('intent').rows.size === 0,
      )
    );
  }

  /** A person lets go on what is parked; whether there was anything to let go on. */
  private resume(): boolean {
    const parked = this.rows().filter(({ phase }) => phase === 'parked');
    const door = this.up(orchestrator)?.door;
    if (parked.length === 0 || door === undefined || this.resumes >= resumesMax) return false;
    this.resumes++;
    this.quietSince = this.clock.now();
    for (const { transactionId } of parked) {
      this.note('it is parked; a person lets it go on');
      const wish = {
        transactionId,
        wanted: { type: 'operator-resumed' },
        actor: 'explorer',
        reason: 'seen to',
      } as const;
      void door.wish(wish).catch((error: unknown) => this.note(`the wish fails: ${String(error)}`));
    }
    return true;
  }

  private rows(): readonly Row[] {
    return this.store(orchestrator)
      .committed<Row>('transaction')
      .map(([, row]) => row);
  }

  private advance(ms: number): Promise<void> {
    return this.clock.advanceAsync(ms, () => this.settle());
  }

  private settle(): Promise<void> {
    return untilStill(() => this.activity);
  }

  private get look(): Look {
    return {
      rows: <Row>(service: string, table: string) =>
        Object.fromEntries(this.store(service).committed<Row>(table)),
    };
  }

  private books(): unknown {
    const { books } = this.cast;
    return structuredClone(books === undefined ? this.everyRow() : books(this.look));
  }

  private everyRow(): unknown {
    const services = Object.keys(this.cast.services).toSorted();
    return Object.fromEntries(services.map((service) => [service, ownRows(this.store(service))]));
  }

  private told(isAtRest: boolean, before: unknown): Played {
    const { schedule, faults, problems, story, cast, look } = this;
    const root = this.rows().find(({ transactionId }) => transactionId === rootId);
    const { chances, lastStruck, missed } = faults;
    const effects = cast.effects?.(look) ?? [];
    const told = { schedule, chances, lastStruck, missed, isAtRest, before, effects, problems, story };
    const reason = root?.reason;
    const status = root?.status ?? 'not begun';
    return { ...told, status, books: this.books(), ...(reason !== undefined && { reason }) };
  }
}

const platformTables: ReadonlySet<string> = new Set(['barrier', 'intent', 'outbox', 'held-branch']);

function ownRows(store: MemoryStore): unknown {
  const names = store.filled.filter((name) => !platformTables.has(name)).toSorted();
  return Object.fromEntries(names.map((name) => [name, Object.fromEntries(store.committed(name))]));
}

function reasonIn({ data }: Message): string {
  const hasReason = typeof data === 'object' && data !== null && 'reason' in data;
  return hasReason ? String(data.reason) : 'no reason is given';
}
