/**
 * A simulated process's clock and database: the real ones in memory, with the places where things go wrong.
 * Crash points stand before and after every commit; a paused process stops before its next call and after its last.
 */
import { commitUnknown, MemoryDatabase, type MemoryStore } from '@sagamore/memory';
import { Fault } from '@sagamore/resilience';
import { Clock, type Tx } from '@sagamore/runtime';
import { Host } from './host.js';

/** As Postgres is told: beyond this whoever waits for a lock comes again. */
const lockTimeoutMs = 1_500;

/** What the stores' clocks show when the world begins, ms. */
export const epochMs = 1_800_000_000_000;

/** The world's time as one process lives it: its timers do not fire while it stands still, and never once it is dead. */
export class HostClock extends Clock {
  constructor(private readonly host: Host) {
    super();
  }

  override now(): number {
    return this.host.base.clock.now();
  }

  override after(ms: number, callback: () => void): () => void {
    let isOff = false;
    const cancel = this.host.base.clock.after(ms, () =>
      this.host.run(() => {
        if (!isOff) callback();
      }),
    );
    return () => {
      isOff = true;
      cancel();
    };
  }
}

/** Sees a transaction's writes just BEFORE its commit, with all locks held. */
export type Inspection = (tx: Tx) => void;

/** One process's client of a service's store. */
export class HostDatabase extends MemoryDatabase {
  inspect: Inspection | undefined;
  private skewMs = 0;

  constructor(
    private readonly host: Host,
    private readonly service: string,
    store: MemoryStore,
  ) {
    super({
      clock: host.base.clock,
      store,
      epochMs,
      lockTimeoutMs,
      onCommit: { before: () => beforeCommit(host, service), after: () => afterCommit(host) },
    });
    host.attach({ crash: () => this.crash() });
  }

  override transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.reach(() =>
      super.transaction(
        this.surviving(async (tx) => {
          const answer = await work(tx);
          this.inspect?.(tx);
          return answer;
        }),
      ),
    );
  }

  override apart<T>(...[settings, work]: Parameters<MemoryDatabase['apart']>): Promise<T> {
    return this.reach(() => super.apart(settings, this.surviving(work)) as Promise<T>);
  }

  override settle(...args: Parameters<MemoryDatabase['settle']>): Promise<boolean> {
    return this.reach(() => super.settle(...args));
  }

  /** As this process read the store's clock last, carried forward (R15): a step of that clock is seen at the next call. */
  override now(): number {
    return super.now() + this.skewMs;
  }

  private readClock(): void {
    const skewMs = this.host.base.faults.clockSkewOf(this.service);
    if (skewMs === this.skewMs) return;
    this.host.base.faults.note('clock step', `${this.host.name} sees its store's clock jump to ${skewMs} ms`);
    this.skewMs = skewMs;
  }

  private async reach<T>(call: () => Promise<T>): Promise<T> {
    const { base } = this.host;
    await this.host.pass();
    if (base.faults.isAway(this.service) || !this.host.reaches('database')) throw this.away();
    this.readClock();
    if (base.faults.isSlow(this.service)) {
      await new Promise<void>((resolve) => void base.clock.after(base.faults.ms(20, 400), resolve));
    }
    const result = await call();
    await this.host.pass();
    return result;
  }

  /** The work of a transaction, which a death of the store takes with it. */
  private surviving<Answer, Given extends Tx>(
    work: (tx: Given) => Promise<Answer>,
  ): (tx: Given) => Promise<Answer> {
    const { faults } = this.host.base;
    const deaths = faults.deathsOf(this.service);
    return async (tx) => {
      const answer = await work(tx);
      if (faults.deathsOf(this.service) === deaths || faults.healed) return answer;
      faults.note('dying store', `${this.host.name} loses a transaction with the store of ${this.service}`);
      throw this.away();
    };
  }

  private away(): Fault {
    return new Fault('DATABASE_UNAVAILABLE', `the database of ${this.service} is away`, { retryable: true });
  }
}

async function beforeCommit(host: Host, service: string): Promise<void> {
  const { faults, clock } = host.base;
  const deaths = faults.deathsOf(service);
  const { slowCommitShare, conflictShare, commitUnknownShare } = faults.plan;
  await host.survives('before a commit');
  if (faults.strikes(slowCommitShare, 'slow commit', `${host.name} commits slowly`)) {
    await new Promise<void>((resolve) => void clock.after(faults.ms(1, 60), resolve));
  }
  if (faults.isSlow(service)) {
    await new Promise<void>((resolve) => void clock.after(faults.ms(20, 400), resolve));
  }
  if (faults.deathsOf(service) !== deaths && !faults.healed) {
    faults.note('dying store', `${host.name} loses a commit with the store of ${service}`);
    throw commitUnknown();
  }
  if (
    faults.strikes(conflictShare, 'serialization conflict', `${host.name} meets a serialization conflict`)
  ) {
    throw new Fault('SERIALIZATION_CONFLICT', 'another transaction was first', { retryable: true });
  }
  const lost = `${host.name} loses the connection, nothing is written`;
  if (faults.strikes(commitUnknownShare, 'commit of unknown fate', lost)) throw commitUnknown();
}

async function afterCommit(host: Host): Promise<void> {
  const { faults } = host.base;
  host.base.note(`${host.name} commits`);
  await host.survives('after a commit');
  const lost = `${host.name} loses the answer to a COMMIT`;
  if (!host.reaches('database')) throw commitUnknown();
  if (faults.strikes(faults.plan.commitUnknownShare, 'commit of unknown fate', lost)) throw commitUnknown();
}
