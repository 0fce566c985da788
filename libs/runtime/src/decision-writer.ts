/**
 * Makes decisions durable, and moves memory AFTER the commit (R12). One decision that the store cannot take holds no other
 * (R2), and one whose fate is unknown is in doubt until it was read again. It sends nothing: what it answers has been saved.
 */
import type {
  AnnounceCommand,
  ProtocolCommand,
  Standing,
  TransactionEvent,
  TransactionId,
} from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import { answerMessage } from './children.js';
import { spoil, undecided, type Decision, type LiveTransaction } from './decision.js';
import type { LiveTransactions } from './live-transactions.js';
import { lockChangesOf } from './lock-registry.js';
import { transactionEventsTopic, traceparentOf, type Message, type OutcomeData } from './message.js';
import type { OutboxRelay } from './outbox-relay.js';
import { fits } from './payload-limit.js';
import type { Journal, JournalReceipt, Shard, TransactionRecord, TransactionStatus } from './ports.js';
import type { ShardHolder } from './shard-holder.js';

/** A start that can never begin, for the dead letters. */
export interface HopelessStart {
  readonly transactionId: TransactionId;
  readonly reason: string;
}

export interface DecisionWriterOptions {
  readonly owner: string;
  readonly onBug: (transactionId: TransactionId, error: unknown) => void;
  readonly onSaved: (saved: readonly Saved[], at: number) => void;
  readonly onRest: (rested: readonly Rested[]) => void;
}

/** What a batch has done to one transaction, as it was saved. */
export type Saved = Pick<Decision, 'before' | 'after' | 'standing' | 'entries' | 'commands'>;

/** A transaction that has come to rest, and where it rests. */
export interface Rested {
  readonly record: TransactionRecord;
  readonly standing: Standing;
  /** ms of the store's clock. */
  readonly at: number;
  /** All its events, as they were saved; absent where they have to be read back. */
  readonly events?: readonly TransactionEvent[];
}

export class DecisionWriter {
  /** Starts that the journal can never take, on their way to the dead letters. */
  private readonly unsaveable: HopelessStart[] = [];

  constructor(
    private readonly ports: { readonly journal: Journal; readonly relay: OutboxRelay },
    private readonly shards: ShardHolder,
    private readonly live: LiveTransactions,
    private readonly options: DecisionWriterOptions,
  ) {}

  /** Answers those that were really saved; a shard whose epoch was stale is lost on the way. Throws the store's fault,
   *  and then whatever may have been written and was not answered is in doubt. */
  async commit(decisions: readonly Decision[], retries = 1): Promise<readonly Decision[]> {
    if (decisions.length === 0) return [];
    try {
      const receipt = await this.save(decisions);
      return this.follow(decisions, receipt);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return this.commitAfter(error, decisions, retries);
    }
  }

  /** The starts that the journal has rejected since this was asked last. */
  takeUnsaveable(): readonly HopelessStart[] {
    return this.unsaveable.splice(0);
  }

  private async commitAfter(
    fault: Fault,
    decisions: readonly Decision[],
    retries: number,
  ): Promise<readonly Decision[]> {
    if (fault.code === 'SERIALIZATION_CONFLICT' && retries > 0) return this.commit(decisions, retries - 1);
    if (fault.code === 'DATABASE_UNAVAILABLE') throw fault;
    if (fault.code !== 'COMMIT_UNKNOWN' && decisions.length > 1) return this.commitHalves(decisions);
    const [culprit] = decisions;
    if (fault.code === 'DATA_REJECTED' && culprit !== undefined) return this.giveUp(culprit, fault);
    // Nobody knows whether this was written: read it again.
    if (fault.code === 'COMMIT_UNKNOWN')
      for (const { after } of decisions) this.live.doubt(after.record.transactionId);
    throw fault;
  }

  private async commitHalves(decisions: readonly Decision[]): Promise<readonly Decision[]> {
    const half = decisions.length >> 1;
    const first = await this.commit(decisions.slice(0, half));
    try {
      return [...first, ...(await this.commit(decisions.slice(half)))];
    } catch (error) {
      // What the first half saved has not been sent, and its redelivered input will change nothing: reading it again
      // sends what is outstanding.
      for (const { after } of first) this.live.doubt(after.record.transactionId);
      throw error;
    }
  }

  /** The store can never take what this decision holds (R2). A start goes to the dead letters; what is under way parks,
   *  for sending it again would bring the same words again, for ever. If even that is rejected, the journal holds
   *  something else than memory does: read it again. */
  private async giveUp({ before, after }: Decision, fault: Fault): Promise<readonly Decision[]> {
    const { transactionId } = after.record;
    this.options.onBug(transactionId, fault);
    if (before === undefined) {
      this.unsaveable.push({ transactionId, reason: 'the journal cannot take it' });
      return [];
    }
    const live = this.live.get(transactionId);
    try {
      if (live !== undefined) {
        const parked = spoil(undecided(live), this.ports.journal.now());
        return this.follow([parked], await this.save([parked]));
      }
    } catch (error) {
      this.live.doubt(transactionId);
      if (!(error instanceof Fault && error.code === 'DATA_REJECTED')) throw error;
    }
    this.live.doubt(transactionId);
    return [];
  }

  private save(decisions: readonly Decision[]): Promise<JournalReceipt> {
    const { journal } = this.ports;
    const at = journal.now();
    return journal.commit(
      this.shards.epochs,
      {
        starts: decisions.filter(({ before }) => before === undefined).map(({ after }) => after.record),
        entries: decisions.flatMap(({ entries }) => entries),
        statuses: decisions.filter(changesItsRow).map((decision) => statusOf(decision, at)),
        locks: lockChangesOf(decisions),
        facts: decisions.flatMap((decision) => factsOf(decision, at)),
        heard: decisions.flatMap(({ after, heard }) =>
          heard.map((wishId) => ({ shard: after.record.shard, wishId })),
        ),
      },
      this.options.owner,
    );
  }

  private follow(decisions: readonly Decision[], receipt: JournalReceipt): readonly Decision[] {
    for (const shard of receipt.stale) this.shards.lose(shard);
    const known = new Set(receipt.known);
    const stale = new Set(receipt.stale);
    const saved = decisions.filter(
      ({ after, before }) =>
        !stale.has(after.record.shard) && !(before === undefined && known.has(after.record.transactionId)),
    );
    for (const decision of saved) this.live.follow(decision);
    this.ports.relay.publish(receipt.facts);
    this.tell(saved);
    return saved;
  }

  private tell(saved: readonly Decision[]): void {
    const at = this.ports.journal.now();
    if (saved.length > 0) this.options.onSaved(saved, at);
    const rested = saved
      .filter(({ standing, commands }) => standing.phase !== 'moving' && commands.some(isAnnouncement))
      .map(({ after: { record, events }, standing }) => ({
        record,
        standing,
        at,
        ...(events !== undefined && { events }),
      }));
    if (rested.length > 0) this.options.onRest(rested);
  }
}

/** Lists tell doing from undoing. A rest that follows upon a rest is announced and is a new one, which may be wished for
 *  again; whatever else is learnt while at rest leaves the wish for that rest as it is. */
function changesItsRow({ before, standing, commands, wasEvicted, evictedUntil }: Decision): boolean {
  if (before?.status !== standing.status || wasEvicted === true || evictedUntil !== undefined) return true;
  return standing.phase !== 'moving' && commands.some(isAnnouncement);
}

function isAnnouncement(command: ProtocolCommand): command is AnnounceCommand {
  return command.type === 'announce';
}

/** S105: a row, or a message, without it is better than one that cannot be written. */
function kept(output: unknown): unknown {
  return fits(output) ? output : undefined;
}

/** The last announcement is that of where it stands now. */
function statusOf({ after, standing, commands, evictedUntil }: Decision, at: number): TransactionStatus {
  const { transactionId, shard } = after.record;
  const output = standing.phase === 'moving' ? undefined : kept(commands.findLast(isAnnouncement)?.output);
  return {
    ...standing,
    transactionId,
    shard,
    at,
    ...(output !== undefined && { output }),
    ...(evictedUntil !== undefined && { dueAt: evictedUntil }),
  };
}

/** What a decision has to say: announcements, and a child's answers. Nothing could derive them again. */
function factsOf(
  { after, commands }: Decision,
  at: number,
): readonly { readonly shard: Shard; readonly message: Message }[] {
  const { record: child, seq } = after;
  const { shard, parent } = child;
  return commands.flatMap((command): { readonly shard: Shard; readonly message: Message }[] => {
    if (isAnnouncement(command)) return [{ shard, message: announcementOf(after, command, at) }];
    if (command.type !== 'answer-parent' || parent === undefined) return [];
    return [{ shard, message: answerMessage(command, { child, parent, seq, at }) }];
  });
}

function announcementOf(
  { record, seq }: LiveTransaction,
  { outcome, reason, output: returned }: AnnounceCommand,
  at: number,
): Message<OutcomeData> {
  const output = kept(returned);
  const { transactionId, definition, version } = record;
  return {
    id: `${transactionId}/${outcome}/${seq}`,
    type: `transaction.${outcome}`,
    source: 'orchestrator',
    topic: transactionEventsTopic,
    key: transactionId,
    occurredAt: at,
    traceparent: traceparentOf(transactionId),
    data: {
      transactionId,
      definition,
      version,
      outcome,
      ...(reason !== undefined && { reason }),
      ...(output !== undefined && { output }),
    },
  };
}
