/**
 * Starts transactions by timetables. The owner of a schedule's shard looks, by the store's clock; what a tick starts is
 * accepted under a key made of schedule and tick, so two owners, or one that crashed before it noted where it was, start it
 * once. The place in the timetable is durable and moves AFTER the start was saved (S103).
 */
import type { TransactionId } from '@sagamore/engine';
import { shardOf, ticksDue, withoutOverlap, type MissedTicks, type Timetable } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import type { Door } from './door.js';
import type { History } from './history.js';
import type { Clock, Journal, Shard } from './ports.js';

/** Which transaction begins when. */
export interface Schedule {
  /** Unique in a stack; it stands in the keys of what it starts. */
  readonly name: string;
  readonly timetable: Timetable;
  /** The timetable in words. When they change, the schedule begins anew. */
  readonly timetableName: string;
  readonly definition: string;
  /** What a run begins with. `tick`: ms. */
  readonly input: (tick: number) => unknown;
  readonly missed: MissedTicks;
  /** `forbid`: no tick starts a run while the one before has not come to rest for good. */
  readonly overlap: 'forbid' | 'allow';
}

/** Where a schedule stands. Instants are ms of the store's clock. */
export interface ScheduleRow {
  readonly name: string;
  readonly timetableName: string;
  /** The first tick that was not looked at yet; `Infinity` when none follows. */
  readonly nextAt: number;
  readonly lastTickAt?: number;
  readonly lastTransactionId?: TransactionId;
}

export interface ScheduleMove {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly last?: { readonly tickAt: number; readonly transactionId: TransactionId };
}

/** The durable part of schedules. */
export abstract class Schedules {
  /** Makes the rows that are missing. One whose timetable goes by another name now takes over the new place and keeps what
   *  it started last. Idempotent. */
  abstract keep(rows: readonly Pick<ScheduleRow, 'name' | 'timetableName' | 'nextAt'>[]): Promise<void>;
  /** Those of `names` that exist, in order of name. */
  abstract read(names: readonly string[]): Promise<readonly ScheduleRow[]>;
  /** Moves a schedule on; false, and nothing is written, when it does not stand at `from` any more. */
  abstract move(move: ScheduleMove): Promise<boolean>;
}

export interface SchedulerPorts {
  readonly schedules: Schedules;
  readonly door: Door;
  readonly journal: Journal;
  readonly history: History;
  readonly clock: Clock;
}

export interface SchedulerOptions {
  readonly schedules: readonly Schedule[];
  readonly shardCount: number;
  /** The shards that this process holds: a schedule is looked after by the owner of its name's shard. */
  readonly held: () => readonly Shard[];
  readonly onFault: (error: unknown) => void;
}

const lookMs = 1_000;
/** A tick that is older was missed: longer than a takeover takes, shorter than people's patience. */
const graceMs = 60_000;
/** Runs that one look starts at most. */
const ticksMax = 100;

export class Scheduler {
  private cancelLook: (() => void) | undefined;
  private inHand: Promise<void> = Promise.resolve();
  private stopped = true;
  private isKept = false;

  constructor(
    private readonly ports: SchedulerPorts,
    private readonly options: SchedulerOptions,
  ) {}

  start(): void {
    this.stopped = false;
    if (this.options.schedules.length > 0) this.plan();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelLook?.();
    await this.inHand;
  }

  /** All schedules of the stack with their rows, for people. */
  async list(): Promise<readonly (Schedule & { readonly row?: ScheduleRow })[]> {
    const { schedules } = this.options;
    const rows = await this.ports.schedules.read(schedules.map(({ name }) => name));
    return schedules.map((schedule) => {
      const row = rows.find(({ name }) => name === schedule.name);
      return row === undefined ? schedule : { ...schedule, row };
    });
  }

  private plan(): void {
    if (this.stopped) return;
    this.cancelLook = this.ports.clock.after(lookMs, () => {
      this.inHand = this.look()
        .catch(this.options.onFault)
        .finally(() => this.plan());
    });
  }

  /** One look at the schedules that are ours; one that fails holds up no other. */
  private async look(): Promise<void> {
    const { schedules, shardCount, held, onFault } = this.options;
    const shards = held();
    const ours = schedules.filter(({ name }) => shards.includes(shardOf(name, shardCount)));
    if (ours.length === 0) return;
    await this.keep();
    const now = this.ports.journal.now();
    const rows = await this.ports.schedules.read(ours.map(({ name }) => name));
    for (const row of rows.filter(({ nextAt }) => nextAt <= now)) {
      const schedule = ours.find(({ name }) => name === row.name);
      if (schedule !== undefined) await this.serve(schedule, row, now).catch(onFault);
    }
  }

  /** A schedule that is new begins with its first tick from now on, so every process may make its row. */
  private async keep(): Promise<void> {
    if (this.isKept) return;
    const now = this.ports.journal.now();
    const rows = this.options.schedules.map(({ name, timetableName, timetable }) => {
      return { name, timetableName, nextAt: timetable.next(now) ?? Infinity };
    });
    await this.ports.schedules.keep(rows);
    this.isKept = true;
  }

  private async serve(schedule: Schedule, row: ScheduleRow, now: number): Promise<void> {
    const { timetable, missed, overlap } = schedule;
    const due = ticksDue({ timetable, nextAt: row.nextAt, now, missed, graceMs, max: ticksMax });
    const ticks =
      overlap === 'forbid' && due.ticks.length > 0
        ? withoutOverlap(due.ticks, await this.isRunning(row.lastTransactionId))
        : due.ticks;
    let last: ScheduleMove['last'];
    for (const tickAt of ticks) {
      const transactionId = await this.begin(schedule, tickAt);
      if (transactionId !== undefined) last = { tickAt, transactionId };
    }
    const { name, nextAt: from } = row;
    await this.ports.schedules.move({ name, from, to: due.nextAt ?? Infinity, ...(last && { last }) });
  }

  /** A tick that cannot start anything is told and passed over: tried again it would fail again, and hold up those that
   *  follow. A fault of the store is thrown, and the tick comes again. */
  private async begin(
    { name, definition, input }: Schedule,
    tick: number,
  ): Promise<TransactionId | undefined> {
    const key = `${name}@${new Date(tick).toISOString()}`;
    const request = { definition, input: input(tick), actor: `schedule:${name}`, key, requestHash: key };
    const answer = await this.ports.door.start(request);
    if (answer.outcome === 'accepted') return answer.transactionId;
    const message = `schedule ${name} cannot start ${definition}: ${answer.outcome}`;
    this.options.onFault(new Fault('CONFIGURATION_INVALID', message, { retryable: false }));
    return undefined;
  }

  /** What was accepted and has not begun counts as running: it will begin whatever the broker does. */
  private async isRunning(id: TransactionId | undefined): Promise<boolean> {
    if (id === undefined) return false;
    const [stored] = await this.ports.journal.load([id]);
    if (stored !== undefined) return stored.phase === 'moving' || stored.phase === 'parked';
    const [removed] = await this.ports.history.removed([id]);
    return removed === undefined && (await this.ports.journal.accepted(id)) !== undefined;
  }
}
