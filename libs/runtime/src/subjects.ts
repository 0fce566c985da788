/**
 * Finds the transaction that each input is about: in memory, at rest in the store, or one that only begins now. Between
 * the reading of a batch and its decisions; it changes neither memory nor the store.
 */
import type { TransactionId } from '@sagamore/engine';
import { begin, shelve, undecided } from './decision.js';
import type { Decision, DecisionContext, LiveTransaction } from './decision.js';
import type { HopelessStart } from './decision-writer.js';
import { missing, revive, shelved, type Definitions } from './definitions.js';
import type { Input } from './inbox.js';
import type { LiveTransactions } from './live-transactions.js';
import { fits, payloadBytesMax } from './payload-limit.js';
import type { Journal, StoredTransaction, TransactionRecord } from './ports.js';
import { precedenceOf } from './precedence.js';
import type { ShardHolder } from './shard-holder.js';

export interface SubjectHooks {
  readonly onBug: (transactionId: TransactionId, error: unknown) => void;
  readonly onLate: (count: number) => void;
}

/** What the store knows of those that are not in memory. */
export interface Summoned {
  /** Those that rest and may go on. */
  readonly decisions: ReadonlyMap<TransactionId, Decision>;
  /** Those that have ended: nothing is decided about them any more. */
  readonly ended: ReadonlyMap<TransactionId, LiveTransaction>;
  readonly unknown: ReadonlySet<TransactionId>;
}

const nobody: Summoned = { decisions: new Map(), ended: new Map(), unknown: new Set() };

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
   *  with a repeated start is for the one that is stored: it is taken only once, so it must not be lost. A child is looked
   *  up even where it has ended, for it answers as often as it is asked. */
  async summon(inputs: readonly Input[]): Promise<Summoned> {
    const missing = inputs.filter(({ transactionId }) => this.live.get(transactionId) === undefined);
    const starting = new Set(
      missing.filter(({ kind }) => kind === 'start').map(({ transactionId }) => transactionId),
    );
    const wanted = missing.filter(
      ({ kind, transactionId }) => kind === 'wish' || !starting.has(transactionId),
    );
    const ids = [...new Set(wanted.map(({ transactionId }) => transactionId))];
    if (ids.length === 0) return nobody;
    const asked = new Set(
      wanted.filter(({ kind }) => kind === 'child-asked').map(({ transactionId }) => transactionId),
    );
    const loaded = await this.journal.load(ids);
    const ours = loaded.filter(({ shard }) => this.shards.holds(shard));
    const isOpen = ({ phase, transactionId }: StoredTransaction): boolean =>
      phase !== 'final' || asked.has(transactionId);
    const stored = ours.filter(isOpen);
    const answered = new Set(
      wanted.filter(({ kind }) => kind === 'reply').map(({ transactionId }) => transactionId),
    );
    const ended = ours.filter((each) => !isOpen(each) && answered.has(each.transactionId));
    const known = new Set(loaded.map(({ transactionId }) => transactionId));
    const since = new Map(
      stored.map(({ transactionId, phase, updatedAt }) => [
        transactionId,
        phase === 'parked' ? updatedAt : undefined,
      ]),
    );
    this.hooks.onLate(ids.filter((id) => !since.has(id) && !asked.has(id)).length);
    return {
      decisions: new Map(
        this.revive(stored).map((live) => {
          const { transactionId } = live.record;
          const parkedAt = since.get(transactionId);
          return [transactionId, { ...undecided(live), ...(parkedAt !== undefined && { parkedAt }) }];
        }),
      ),
      ended: new Map(this.revive(ended).map((live) => [live.record.transactionId, live])),
      unknown: new Set(ids.filter((id) => !known.has(id))),
    };
  }

  subject(
    input: Input,
    { decisions }: Summoned,
    context: DecisionContext,
  ): Decision | HopelessStart | undefined {
    const live = this.live.get(input.transactionId);
    if (live !== undefined) return undecided(live);
    const found = decisions.get(input.transactionId);
    if (found !== undefined) return found;
    if (input.kind === 'start') return this.begin(input, context);
    return input.kind === 'child-asked' ? this.beginChild(input, context) : undefined;
  }

  private begin(
    input: Input & { readonly kind: 'start' },
    { at, onBug }: DecisionContext,
  ): Decision | HopelessStart {
    const { transactionId, shard, start } = input;
    const protocol = this.definitions.latest(start.definition);
    if (protocol === undefined)
      return { transactionId, reason: `no definition is named ${start.definition}` };
    if (!fits(start.input))
      return { transactionId, reason: `its input is larger than ${payloadBytesMax} bytes` };
    const { name: definition, version } = protocol;
    try {
      return begin(protocol, {
        transactionId,
        definition,
        version,
        shard,
        input: start.input,
        startedAt: at,
        ...precedenceOf(start),
      });
    } catch (error) {
      onBug(transactionId, error);
      return { transactionId, reason: `${definition} cannot begin with this input` };
    }
  }

  /** A child has a parent that waits for it, so one that cannot begin here rests where a person sees it, instead of being
   *  a dead letter (S25, S92). */
  private beginChild(
    { transactionId, shard, asked }: Input & { readonly kind: 'child-asked' },
    { at, onBug }: DecisionContext,
  ): Decision {
    const { definition, version, input, parent } = asked;
    const record: TransactionRecord = {
      transactionId,
      definition,
      version,
      shard,
      input,
      startedAt: at,
      parent,
      ...precedenceOf(asked),
    };
    try {
      const protocol = this.definitions.exact(definition, version);
      if (protocol !== undefined) return begin(protocol, record);
      throw new TypeError(`no ${definition} of version ${version}`);
    } catch (error) {
      onBug(transactionId, error);
      return shelve(begin(missing, record), at);
    }
  }

  /** Replays what is stored. One that cannot be replayed here, for want of its definition or by a bug, stops nobody: it
   *  comes shelved. */
  revive(stored: readonly StoredTransaction[]): readonly LiveTransaction[] {
    return stored.map((transaction) => {
      try {
        const live = revive(transaction, this.definitions);
        if (live !== undefined) return live;
        throw new TypeError(`no ${transaction.definition} of version ${transaction.version}`);
      } catch (error) {
        this.hooks.onBug(transaction.transactionId, error);
        return shelved(transaction);
      }
    });
  }
}
