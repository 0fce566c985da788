/**
 * Publishes what the outbox holds: at once after the commit that wrote it, and by a sweep what a crash left behind.
 * A row is removed AFTER the broker's acknowledgement: a crash in between publishes it again and the receiver drops
 * the repeat; removed BEFORE it, a crash would lose the message, which nothing downstream could notice (S47, S48).
 */
import { Fault } from '@sagamore/resilience';
import { undeliverable } from './dead-letters.js';
import type { Message } from './message.js';
import { Bus, Clock, Outbox, type OutboxRow, type Tx } from './ports.js';

export interface OutboxRelaySettings {
  /** This process, as claims name it. */
  readonly owner: string;
  /** How long a row stays ours before a sweep may take it, ms. Default 30 000: longer than a broker's short absence. */
  readonly claimMs?: number;
  /** Pause between sweeps, ms. Default 2 000. */
  readonly sweepMs?: number;
  /** Rows of one sweep and of one send at most. Default 500. */
  readonly batchMax?: number;
  /** How long published rows may stay, so that one removal serves many, ms. Default 100. */
  readonly removeMs?: number;
  /** Rows kept in memory to be published at once, while the broker is away; the others wait in the outbox. Default 10 000. */
  readonly pendingMax?: number;
  /** Told of every failed round; the relay goes on by itself. */
  readonly onFault?: (error: unknown) => void;
}

/** The store's clock, which a row's age is told by, and ours drift this much apart between two looks at most. */
const clocksApartMs = 1_000;

/** One a service and process. `start()` begins the sweeps; `stop()` finishes what is being published. */
export class OutboxRelay {
  private readonly pending: OutboxRow[] = [];
  /** Rows that came after others were left to the sweeps: not sent before those, or a key's rows could overtake (R17). */
  private readonly waiting = new Map<string, OutboxRow>();
  /** When a row was last left to the sweeps, ms of the monotonic clock; undefined once they have caught up. */
  private leftAt: number | undefined;
  /** Rows in `pending`, `waiting`, `published` or being sent: a sweep that finds their claim expired must not queue them twice. */
  private readonly held = new Set<string>();
  /** Rows that the broker has and that wait to be removed. */
  private published: OutboxRow[] = [];
  private removing: Promise<void> = Promise.resolve();
  private cancelRemoval: (() => void) | undefined;
  private readonly settings: Required<OutboxRelaySettings>;
  private draining: Promise<void> | undefined;
  private cancelSweep: (() => void) | undefined;
  private stopped = false;

  constructor(
    private readonly outbox: Outbox,
    private readonly bus: Bus,
    private readonly clock: Clock,
    settings: OutboxRelaySettings,
  ) {
    this.settings = {
      claimMs: 30_000,
      sweepMs: 2_000,
      batchMax: 500,
      removeMs: 100,
      pendingMax: 10_000,
      onFault: () => {},
      ...settings,
    };
  }

  /** Saves `messages` with the transaction and publishes them right AFTER its commit. */
  async append(tx: Tx, messages: readonly Message[]): Promise<void> {
    if (messages.length === 0) return;
    const rows = await this.outbox.append(tx, messages, this.settings.owner);
    tx.afterCommit(() => this.publish(rows));
  }

  /** Publishes rows that are committed and claimed for this owner, in the order given. Returns at once. When there are too
   *  many, for the broker is away, they are left to the sweeps. */
  publish(rows: readonly OutboxRow[]): void {
    const fresh = rows.filter(({ id }) => !this.held.has(id));
    const isBehind = this.leftAt !== undefined;
    const queued = isBehind ? this.waiting.size : this.pending.length;
    if (queued + fresh.length > this.settings.pendingMax) return this.leave();
    for (const row of fresh) {
      this.held.add(row.id);
      if (isBehind) this.waiting.set(row.id, row);
      else this.pending.push(row);
    }
    this.drainSoon();
  }

  /** Queues everything that is saved and not published, whoever was to publish it: another owner, or this process before
   *  the answer to its commit was lost. Whoever takes over calls it BEFORE he saves a fact of his own: what follows in a key
   *  then queues behind what was left, and does not overtake it while the old claim lasts (I23). Who is alive publishes its
   *  rows too, and the receiver drops the repeat. */
  async inherit(): Promise<void> {
    const { owner, claimMs, batchMax: limit, pendingMax } = this.settings;
    for (let after: string | undefined = '0'; after !== undefined;) {
      // What is left to the sweeps anyway is queued by them in its order.
      if (this.leftAt !== undefined || this.pending.length > pendingMax) return this.leave();
      const rows = await this.outbox.inherit({ owner, claimMs, limit, after });
      this.queueClaimed(rows);
      after = rows.length < limit ? undefined : rows.at(-1)?.id;
    }
  }

  /** What has come since others were left must not be sent before them either, so it is left as well. */
  private leave(): void {
    this.leftAt = this.clock.now();
    for (const id of this.waiting.keys()) this.held.delete(id);
    this.waiting.clear();
  }

  /** Rows in memory: bounded, however long the broker is away. */
  get remembered(): number {
    return this.held.size;
  }

  start(): void {
    this.stopped = false;
    this.scheduleSweep(0);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelSweep?.();
    await this.draining;
    this.remove();
    await this.removing;
  }

  private drainSoon(): void {
    this.draining ??= this.drain().finally(() => {
      this.draining = undefined;
      if (this.pending.length > 0 && !this.stopped) this.drainSoon();
    });
  }

  private async drain(): Promise<void> {
    // Deferred by one microtask so that commits that end in the same turn share one send.
    await Promise.resolve();
    while (this.pending.length > 0) {
      const rows = this.pending.splice(0, this.settings.batchMax);
      const published = await this.send(rows);
      const isOut = new Set(published);
      this.forget(rows.filter((row) => !isOut.has(row)));
      this.removeSoon(published);
      if (published.length === 0) return this.letGo();
    }
  }

  /** Nobody waits for a removal: a crash before it costs a repeat, which the receiver drops. */
  private removeSoon(rows: readonly OutboxRow[]): void {
    this.published.push(...rows);
    if (this.published.length >= this.settings.batchMax || this.stopped) return this.remove();
    if (this.published.length > 0)
      this.cancelRemoval ??= this.clock.after(this.settings.removeMs, () => this.remove());
  }

  /** One removal after the other. When one fails the sweep publishes its rows again. */
  private remove(): void {
    this.cancelRemoval?.();
    this.cancelRemoval = undefined;
    const rows = this.published;
    this.published = [];
    if (rows.length === 0) return;
    const ids = rows.map(({ id }) => id);
    this.removing = this.removing
      .then(() => this.outbox.remove(ids))
      .catch(this.settings.onFault)
      .then(() => this.forget(rows));
  }

  private forget(rows: readonly OutboxRow[]): void {
    for (const { id } of rows) this.held.delete(id);
  }

  /** What was not published stays in the outbox, and whoever sweeps next publishes it. What waits behind it is let go
   *  too, and what comes next waits until the sweeps have caught up, or a key's rows could overtake each other (I23). */
  private letGo(): void {
    for (const row of this.pending.splice(0)) this.held.delete(row.id);
    this.leave();
  }

  /** Answers the rows that the broker has, or that it can never take and whose dead letter it has instead. */
  private async send(rows: readonly OutboxRow[]): Promise<readonly OutboxRow[]> {
    try {
      await this.bus.send(rows.map((row) => row.message));
      return rows;
    } catch (error) {
      if (error instanceof Fault && error.code === 'DATA_REJECTED') return this.isolate(rows, error);
      if (!(error instanceof Fault && error.code === 'STOPPED')) this.settings.onFault(error);
      return [];
    }
  }

  /** Halves down to the one row that the broker can never take, so that it holds nobody else (R2). */
  private async isolate(rows: readonly OutboxRow[], fault: Fault): Promise<readonly OutboxRow[]> {
    if (rows.length > 1) {
      const half = rows.length >> 1;
      return [...(await this.send(rows.slice(0, half))), ...(await this.send(rows.slice(half)))];
    }
    this.settings.onFault(fault);
    try {
      await this.bus.send(rows.map(({ message }) => undeliverable(message, fault.message)));
      return rows;
    } catch (error) {
      this.settings.onFault(error);
      return [];
    }
  }

  private scheduleSweep(afterMs: number): void {
    if (this.stopped) return;
    this.cancelSweep = this.clock.after(afterMs, () => {
      void this.sweep().finally(() => this.scheduleSweep(this.settings.sweepMs));
    });
  }

  private async sweep(): Promise<void> {
    const { owner, claimMs, batchMax } = this.settings;
    try {
      let found = batchMax;
      for (let round = 0; found === batchMax && round < 100 && !this.stopped; round++) {
        const rows = await this.outbox.claim({ owner, claimMs, limit: batchMax });
        found = rows.length;
        this.queueClaimed(rows);
        await this.draining;
      }
      await this.catchUp();
    } catch (error) {
      this.settings.onFault(error);
    }
  }

  /** Queues what a sweep has claimed. One that waited may go: a row is claimed only with all earlier ones of its key. */
  private queueClaimed(rows: readonly OutboxRow[]): void {
    for (const row of rows) {
      if (!this.waiting.delete(row.id) && this.held.has(row.id)) continue;
      this.held.add(row.id);
      this.pending.push(row);
    }
    this.drainSoon();
  }

  /** Once all that was saved before the last row was left is out of the outbox, and so at the broker, what waits may go. */
  private async catchUp(): Promise<void> {
    if (this.leftAt === undefined) return;
    const now = this.clock.now();
    const ageMs = await this.outbox.age();
    if (ageMs >= now - this.leftAt - clocksApartMs) return;
    this.leftAt = undefined;
    this.pending.push(...this.waiting.values());
    this.waiting.clear();
    this.drainSoon();
  }
}
