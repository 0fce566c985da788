/**
 * Reads for the owner of shards what is wanted of their transactions: where a hint says so, where nobody heard for long,
 * and BEFORE time ends a wait for somebody who may have spoken (S34). The store alone is believed; a hint that was lost,
 * repeated or made up costs a look. It tells nothing to any machine.
 */
import type { TransactionId } from '@sagamore/engine';
import type { Input } from './inbox.js';
import type { LiveTransactions } from './live-transactions.js';
import type { Clock, Journal } from './ports.js';
import type { ShardHolder } from './shard-holder.js';
import type { UnheardWish } from './wish.js';

export interface WishReaderPorts {
  readonly journal: Journal;
  readonly clock: Clock;
}

export interface WishReaderOptions {
  /** Pause between looks, ms; a third of it is the age at which a wish counts as unheard. */
  readonly wishSweepMs: number;
  /** Told how many a look has found whose messages should have been here long ago (S57). */
  readonly hooks: { readonly onHintsLost: (count: number) => void };
}

/** Wishes and starts that are carried out at one look. */
const lookMax = 100;

export class WishReader {
  /** When the next look is made; ms of the monotonic clock. */
  private lookAt = 0;

  constructor(
    private readonly ports: WishReaderPorts,
    private readonly shards: Pick<ShardHolder, 'held'>,
    private readonly live: Pick<LiveTransactions, 'get'>,
    private readonly options: WishReaderOptions,
  ) {}

  get isLookDue(): boolean {
    return this.shards.held.length > 0 && this.lookAt <= this.ports.clock.now();
  }

  /** What was taken and never came: as the owner, we act on what is stored, and need no broker for it (R13, R17). */
  async look(): Promise<readonly Input[]> {
    if (!this.isLookDue) return [];
    const { journal, clock } = this.ports;
    const { wishSweepMs: sweepMs, hooks } = this.options;
    this.lookAt = clock.now() + sweepMs;
    const query = { olderThanMs: sweepMs / 3, limit: lookMax };
    const starts = await journal.unbegunStarts(this.shards.held, query);
    const wishes = await journal.unheardWishes(this.shards.held, query);
    const lost = starts.length + wishes.length;
    if (lost > 0) hooks.onHintsLost(lost);
    return [
      ...starts.map(({ transactionId, shard, ...start }): Input => {
        return { kind: 'start', transactionId, shard, start: { transactionId, ...start } };
      }),
      ...wishes.map(inputOf),
    ];
  }

  /** The inputs with every hint replaced by what is really wanted, and with what was said in time BEFORE the time that
   *  ends the wait for it. Each wish comes once. */
  async expand(inputs: readonly Input[]): Promise<readonly Input[]> {
    const asked = inputs.filter((input) => this.wantsLook(input));
    if (asked.length === 0) return inputs;
    const given = new Set(inputs.flatMap((input) => (input.kind === 'wish' ? [input.wish.wishId] : [])));
    const ids = [...new Set(asked.map(({ transactionId }) => transactionId))];
    const found = (await this.ports.journal.wishesFor(ids)).filter(({ wishId }) => !given.has(wishId));
    const byTransaction = Map.groupBy(found, ({ transactionId }) => transactionId);
    return inputs.flatMap((input) => {
      const wanted = takeFrom(byTransaction, input.transactionId);
      // S36: who spoke before it began is heard by what begins now; else it would be said to nobody.
      return input.kind === 'start' ? [input, ...wanted] : [...wanted, input];
    });
  }

  private wantsLook({ kind, transactionId }: Input): boolean {
    if (kind !== 'due') return kind === 'hint';
    const live = this.live.get(transactionId);
    return live?.protocol.awaitsSignal?.(live.state) ?? false;
  }
}

function takeFrom(
  wishes: Map<TransactionId, readonly UnheardWish[]>,
  transactionId: TransactionId,
): readonly Input[] {
  const own = wishes.get(transactionId) ?? [];
  wishes.delete(transactionId);
  return own.map(inputOf);
}

function inputOf(wish: UnheardWish): Input {
  const { transactionId, shard } = wish;
  return { kind: 'wish', transactionId, shard, wish };
}
