/**
 * A simulated process's clock and database: the real ones in memory, with the places where things go wrong.
 * Crash points stand before and after every commit; a paused process stops before its next call and after its last.
 */
import { commitUnknown, MemoryDatabase, type MemoryStore } from '@sagamore/memory';
import { Fault } from '@sagamore/resilience';
import { Clock, type Tx } from '@sagamore/runtime';
import { Host } from './host.js';

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

  constructor(
    private readonly host: Host,
    private readonly service: string,
    store: MemoryStore,
  ) {
    super({
      clock: host.base.clock,
      store,
      epochMs,
      onCommit: { before: () => beforeCommit(host), after: () => afterCommit(host) },
    });
    host.attach({ crash: () => this.crash() });
  }

  override transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.reach(() =>
      super.transaction(async (tx) => {
        const answer = await work(tx);
        this.inspect?.(tx);
        return answer;
      }),
    );
  }

  override apart<T>(...args: Parameters<MemoryDatabase['apart']>): Promise<T> {
    return this.reach(() => super.apart(...args) as Promise<T>);
  }

  override settle(...args: Parameters<MemoryDatabase['settle']>): Promise<boolean> {
    return this.reach(() => super.settle(...args));
  }

  private async reach<T>(call: () => Promise<T>): Promise<T> {
    await this.host.pass();
    if (this.host.base.faults.isAway(this.service)) {
      throw new Fault('DATABASE_UNAVAILABLE', `the database of ${this.service} is away`, { retryable: true });
    }
    const result = await call();
    await this.host.pass();
    return result;
  }
}

async function beforeCommit(host: Host): Promise<void> {
  const { faults, clock } = host.base;
  const { slowCommitShare, conflictShare, commitUnknownShare } = faults.plan;
  await host.survives('before a commit');
  if (faults.strikes(slowCommitShare, `${host.name} commits slowly`)) {
    await new Promise<void>((resolve) => void clock.after(faults.ms(1, 60), resolve));
  }
  if (faults.strikes(conflictShare, `${host.name} meets a serialization conflict`)) {
    throw new Fault('SERIALIZATION_CONFLICT', 'another transaction was first', { retryable: true });
  }
  if (faults.strikes(commitUnknownShare, `${host.name} loses the connection, nothing is written`)) {
    throw commitUnknown();
  }
}

async function afterCommit(host: Host): Promise<void> {
  const { faults } = host.base;
  host.base.note(`${host.name} commits`);
  await host.survives('after a commit');
  if (faults.strikes(faults.plan.commitUnknownShare, `${host.name} loses the answer to a COMMIT`)) {
    throw commitUnknown();
  }
}
