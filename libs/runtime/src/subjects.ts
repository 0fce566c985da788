/**
 * Finds the transaction that each input is about: in memory, at rest in the store, or one that only begins now. Between
 * the reading of a batch and its decisions; it changes neither memory nor the store.
 */
import type { TransactionId } from '@sagamore/engine';
import { begin, undecided } from './decision.js';
import type { Decision, DecisionContext, LiveTransaction } from './decision.js';
import type { HopelessStart } from './decision-writer.js';
import { revive, type Definitions } from './definitions.js';
import type { Input } from './inbox.js';
import type { LiveTransactions } from './live-transactions.js';
import type { Journal, StoredTransaction } from './ports.js';
import type { ShardHolder } from './shard-holder.js';

export interface SubjectHooks {
  readonly onBug: (transactionId: TransactionId, error: unknown) => void;
  readonly onLate: (count: number) => void;
}

export class Subjects {
  constructor(
    private readonly journal: Journal,
    private readonly definitions: Definitions,
    private readonly shards: ShardHolder,
    private readonly live: LiveTransactions,
    private readonly hooks: SubjectHooks,
  ) {}

  /** Loads those addressed transactions that are not in memory: parked ones, and finished ones that are told something
   *  late. Starts are not looked up; the commit finds out whether they are known (R16). But a wish that comes together
   *  with a repeated start is for the one that is stored: it is taken only once, so it must not be lost. */
  async summon(inputs: readonly Input[]): Promise<ReadonlyMap<TransactionId, Decision>> {
    const missing = inputs.filter(({ transactionId }) => this.live.get(transactionId) === undefined);
    const starting = new Set(
      missing.filter(({ kind }) => kind === 'start').map(({ transactionId }) => transactionId),
    );
    const wanted = missing.filter(
      ({ kind, transactionId }) => kind === 'resume' || !starting.has(transactionId),
    );
    const ids = [...new Set(wanted.map(({ transactionId }) => transactionId))];
    if (ids.length === 0) return new Map();
    const stored = await this.journal.load(ids);
    const parked = stored.filter(({ phase, shard }) => phase !== 'final' && this.shards.holds(shard));
    this.hooks.onLate(ids.length - parked.length);
    const since = new Map(parked.map(({ transactionId, updatedAt }) => [transactionId, updatedAt]));
    return new Map(
      this.revive(parked).map((live) => {
        const { transactionId } = live.record;
        return [transactionId, { ...undecided(live), parkedAt: since.get(transactionId)! }];
      }),
    );
  }

  subject(
    input: Input,
    summoned: ReadonlyMap<TransactionId, Decision>,
    context: DecisionContext,
  ): Decision | HopelessStart | undefined {
    const live = this.live.get(input.transactionId);
    if (live !== undefined) return undecided(live);
    const found = summoned.get(input.transactionId);
    return found === undefined && input.kind === 'start' ? this.begin(input, context) : found;
  }

  private begin(
    input: Input & { readonly kind: 'start' },
    { at, onBug }: DecisionContext,
  ): Decision | HopelessStart {
    const { transactionId, shard, start } = input;
    const protocol = this.definitions.latest(start.definition);
    if (protocol === undefined)
      return { transactionId, reason: `no definition is named ${start.definition}` };
    const { name: definition, version } = protocol;
    try {
      return begin(protocol, {
        transactionId,
        definition,
        version,
        shard,
        input: start.input,
        startedAt: at,
      });
    } catch (error) {
      onBug(transactionId, error);
      return { transactionId, reason: `${definition} cannot begin with this input` };
    }
  }

  /** One that cannot be replayed here, for want of its definition or by a bug, stays in the store and stops nobody. */
  revive(stored: readonly StoredTransaction[]): readonly LiveTransaction[] {
    return stored.flatMap((transaction) => {
      try {
        const live = revive(transaction, this.definitions);
        if (live !== undefined) return [live];
        throw new TypeError(`no ${transaction.definition} of version ${transaction.version}`);
      } catch (error) {
        this.hooks.onBug(transaction.transactionId, error);
        return [];
      }
    });
  }
}
