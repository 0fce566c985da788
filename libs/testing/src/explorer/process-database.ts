/**
 * One process's client of a service's store in an explored run. It names what is about to be made durable BEFORE the commit,
 * and offers the schedule the two moments around it at which the process may die.
 */
import { MemoryDatabase, memoryTx, type MemoryStore } from '@sagamore/memory';
import type { Tx } from '@sagamore/runtime';
import { epochMs } from '../world/host-ports.js';
import type { Host } from '../world/host.js';
import type { Names } from './names.js';
import type { Desk } from './wire.js';

/** The names of the commits under way: those that are about to happen, and those that have. */
interface Commits {
  readonly coming: string[];
  readonly done: string[];
}

export class ProcessDatabase extends MemoryDatabase {
  private readonly commits: Commits;

  constructor(
    private readonly host: Host,
    store: MemoryStore,
    private readonly names: Names,
    private readonly desk: Desk,
  ) {
    const commits: Commits = { coming: [], done: [] };
    super({
      clock: host.base.clock,
      store,
      epochMs,
      onCommit: { before: () => before(host, commits), after: () => after(host, commits) },
    });
    this.commits = commits;
    host.attach({ crash: () => this.crash() });
  }

  override async transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    await this.host.pass();
    return super.transaction(async (tx) => {
      const answer = await work(tx);
      // Commits follow each other in the order in which their work ends, so their names need no other bond to them.
      if (memoryTx(tx).hasWritten) this.commits.coming.push(this.nameOf(tx));
      return answer;
    });
  }

  private nameOf(tx: Tx): string {
    const { inHand } = this.desk;
    const told = this.names.ofWrites(tx, this.store);
    return told ?? (inHand === undefined ? unnamed : `what it writes upon ${inHand}`);
  }
}

const unnamed = 'what it has written';

function before(host: Host, { coming, done }: Commits): Promise<void> | undefined {
  const name = coming.shift() ?? unnamed;
  done.push(name);
  return host.survives(`before it commits ${name}`);
}

function after(host: Host, { done }: Commits): Promise<void> | undefined {
  const name = done.shift() ?? unnamed;
  host.base.note(`${host.name} commits ${name}`);
  return host.survives(`after it has committed ${name}`);
}
