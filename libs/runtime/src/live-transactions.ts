/**
 * What the owner of shards remembers of their transactions: the moving ones, when time is an event for each, and which of
 * them are in doubt. Finished and parked ones leave, so that memory does not grow with history. What stands here has been
 * committed; nothing else ever does (R12).
 */
import type { AskingCommand, Half, TransactionId } from '@sagamore/engine';
import type { Decision, LiveTransaction } from './decision.js';
import { DueTimes } from './due-times.js';
import type { Shard } from './ports.js';

/** Plain memory: it reads no store and no clock. Instants are ms of the store's clock. */
export class LiveTransactions {
  private readonly byId = new Map<TransactionId, LiveTransaction>();
  private readonly dueTimes = new DueTimes();
  /** Those whose last commit has an unknown fate: read again before anything else is decided (R12). */
  private readonly doubtful = new Set<TransactionId>();

  /** `delayOf`: by how much later than its state says something falls due for a transaction, ms. */
  constructor(private readonly delayOf: (id: TransactionId) => number = () => 0) {}

  get(id: TransactionId): LiveTransaction | undefined {
    return this.byId.get(id);
  }

  /** The one of that id, or nobody. */
  find(id: TransactionId): readonly LiveTransaction[] {
    const live = this.byId.get(id);
    return live === undefined ? [] : [live];
  }

  set(live: LiveTransaction): void {
    this.byId.set(live.record.transactionId, live);
  }

  /** Whether a transaction still waits for the answer to `asked`, in whatever attempt. */
  waitsFor({ record }: LiveTransaction, asked: AskingCommand): boolean {
    const live = this.byId.get(record.transactionId);
    if (live === undefined) return false;
    return live.protocol.outstanding(live.state).some((command) => {
      if (command.type !== asked.type || !('generation' in command)) return false;
      const { branchId, generation } = command;
      return (
        branchId === asked.branchId && generation === asked.generation && halfOf(command) === halfOf(asked)
      );
    });
  }

  /** Moves memory to where a decision has led, AFTER it was committed. What moves is due when `arm` says so, unless the
   *  commit has let it go. */
  follow({ after, standing, evictedUntil }: Decision): void {
    const { transactionId } = after.record;
    this.dueTimes.forget(transactionId);
    if (standing.phase === 'moving' && evictedUntil === undefined) this.set(after);
    else this.byId.delete(transactionId);
  }

  /** Sets the due time that the state names, later by `delayMs` and not before `earliest`. Delayed for ever, it is forgotten
   *  until this is asked again. */
  arm(id: TransactionId, delayMs: number, earliest = 0): void {
    const live = this.byId.get(id);
    if (live === undefined) return;
    const dueAt = live.protocol.dueAt(live.state);
    if (dueAt === undefined) return this.dueTimes.forget(id);
    const delayedAt = dueAt + Math.max(delayMs, this.delayOf(id));
    this.dueTimes.set(id, delayedAt === Infinity ? undefined : Math.max(delayedAt, earliest));
  }

  /** Whether its state names an instant of which nobody would think. While a command of it waits to be sent, its time stands
   *  still, and nobody has to. */
  isUnarmed(id: TransactionId): boolean {
    const live = this.byId.get(id);
    if (live === undefined || this.dueTimes.has(id)) return false;
    return live.protocol.dueAt(live.state) !== undefined && this.delayOf(id) !== Infinity;
  }

  /** Takes out and returns those due at `now`, earliest first, at most `max`. */
  takeDue(now: number, max: number): readonly TransactionId[] {
    return this.dueTimes.take(now, max);
  }

  /** Forgets a transaction of which nobody knows what the journal holds. */
  doubt(id: TransactionId): void {
    this.byId.delete(id);
    this.dueTimes.forget(id);
    this.doubtful.add(id);
  }

  /** The doubtful ones have been read again. */
  settle(ids: readonly TransactionId[]): void {
    for (const id of ids) this.doubtful.delete(id);
  }

  /** Neither in memory nor doubtful: one whose last commit has an unknown fate is remembered as such, and read again (R12). */
  isUnknown(id: TransactionId): boolean {
    return !this.byId.has(id) && !this.doubtful.has(id);
  }

  get doubts(): readonly TransactionId[] {
    return [...this.doubtful];
  }

  /** Forgets a shard that is no longer ours. */
  dropShard(shard: Shard): void {
    for (const [id, { record }] of this.byId) {
      if (record.shard !== shard) continue;
      this.byId.delete(id);
      this.dueTimes.forget(id);
    }
  }

  /** How many are waiting for an instant. */
  get waiting(): number {
    return this.dueTimes.size;
  }

  get size(): number {
    return this.byId.size;
  }
}

/** A probe asks about the action alone. */
function halfOf(asked: AskingCommand): Half {
  return asked.type === 'probe' ? 'action' : asked.operation;
}
