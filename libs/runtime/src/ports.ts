/**
 * What the runtime needs of the world, a batch at a time. Each port is an abstract class, so that it is its own
 * injection token; each is kept by several technologies and judged by one contract suite (`libs/testing`).
 * Adapters turn every driver error into a `Fault`.
 */
import { judgePrepared } from '@sagamore/engine';
import type {
  BarrierRow,
  BranchId,
  Half,
  LateReply,
  Parent,
  Phase,
  ProbeFinding,
  Reply,
  RestReason,
  TransactionEvent,
  TransactionId,
} from '@sagamore/engine';
import type { LockChanges, StoredLock } from './lock-registry.js';
import type { CommandData, Message } from './message.js';
import type { Precedence } from './precedence.js';
import type { ProbeData } from './probe.js';
import type { AcceptedReceipt, AcceptedStart, KnownStart, UnbegunStart } from './start.js';
import type { UnheardWish, Wanted, Wish, WishReceipt } from './wish.js';

export {
  Bus,
  type ActiveSubscription,
  type Delivery,
  type Origin,
  type Subscription,
  type TopicSpecification,
} from './bus.js';

/** One open database transaction. Opaque here; a store of the same technology knows how to use it. What the stores are
 *  asked for at the same time is done in the order of asking, as on one connection. */
export abstract class Tx {
  private readonly hopes: (() => void)[] = [];

  /** Calls back once AFTER a checked COMMIT; never when the transaction rolls back or its fate is unknown.
   *  A crash in between loses the call, so it may only hasten what a sweep would do anyway. */
  afterCommit(callback: () => void): void {
    this.hopes.push(callback);
  }

  /** For adapters alone: tells that the COMMIT was answered. */
  committed(): void {
    for (const callback of this.hopes) callback();
  }
}

export abstract class Database {
  /** Runs `work` in one transaction at READ COMMITTED and commits. Resolves only AFTER a checked COMMIT.
   *  Throws a `Fault`: `SERIALIZATION_CONFLICT` (40001, 40P01: retry), `DATA_REJECTED` (the data can never be
   *  written), `DATABASE_UNAVAILABLE` (nothing happened), `COMMIT_UNKNOWN` (the connection broke at COMMIT). */
  abstract transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** The store's clock in ms, carried forward on the host's monotonic clock since it was last read (R15). */
  abstract now(): number;
}

/** A branch under the barrier. */
export interface BranchKey {
  readonly transactionId: TransactionId;
  readonly branchId: BranchId;
}

/** A barrier row together with the branch it belongs to. */
export interface StoredBarrierRow extends BarrierRow, BranchKey {}

/** Guards branches against duplicate, empty and late calls: rows inside the participant's own transaction. */
export abstract class Barrier {
  /** Every row of the asked branches, intents included (they read as `claimed`). Locks nothing. */
  abstract find(tx: Tx, branches: readonly BranchKey[]): Promise<readonly StoredBarrierRow[]>;
  /** Takes the branch until the transaction ends, and answers whether it could: false at once where another open
   *  transaction holds it. It binds only those who ask for it. */
  abstract hold(tx: Tx, branch: BranchKey): Promise<boolean>;
  /** Inserts all rows in one statement, in sorted order, as the last write BEFORE the commit (R1).
   *  The transaction fails with `BARRIER_CONFLICT` when somebody else was first with one of them. */
  abstract insert(tx: Tx, rows: readonly StoredBarrierRow[]): Promise<void>;
}

/** A call to the outside that was promised and whose outcome is not recorded yet (R7). */
export interface Intent extends BranchKey {
  readonly operation: Half;
  readonly generation: number;
  /** What to call with: the whole command, so that a sweep can drive it and answer it. */
  readonly command: Message<CommandData>;
  /** The process that is calling. */
  readonly owner: string;
  /** ms of the store's clock; past it the call may be made again, with the same provider key. */
  readonly claimedUntil: number;
}

export abstract class Intents {
  /** Inserts all, each with a `claimed` row in the barrier: one whose seat there is taken, by another intent or by an
   *  undo's tombstone, makes the transaction fail with `BARRIER_CONFLICT`. */
  abstract insert(tx: Tx, intents: readonly Intent[]): Promise<void>;
  /** Locks the rows of these branches until the transaction ends and returns those that exist (R8). */
  abstract lock(tx: Tx, branches: readonly BranchKey[]): Promise<readonly Intent[]>;
  /** Claims up to `limit` intents whose claim has expired, for `owner`, until `claimedUntil`. */
  abstract claimExpired(claim: {
    owner: string;
    claimedUntil: number;
    limit: number;
  }): Promise<readonly Intent[]>;
  /** Removes them and their seats, BEFORE the same transaction records their outcome. */
  abstract remove(tx: Tx, intents: readonly Intent[]): Promise<void>;
}

/** A transaction that voted yes and waits for a word. `ageMs`: by the store's clock. */
export interface InDoubt {
  readonly gid: string;
  readonly ageMs: number;
}

/** `done`: it is settled as asked, now or before · `absent`: there was nothing to roll back, and the caller plants the
 *  seat of the prepare · `contradicted`: it was settled otherwise, or what was prepared is lost (S71). */
export type PreparedEnd = 'done' | 'absent' | 'contradicted';

/** Reads every barrier row of the branch: what proves how a transaction ended that is not there any more. */
export type FindRows = () => Promise<readonly BarrierRow[]>;

/** Database transactions that are kept in doubt between a vote and its decision, through any crash (R19). It never
 *  decides: it votes, obeys, and lists what waits for a word. */
export abstract class Prepared {
  /** Does `work` in a transaction of its own and leaves it prepared: the vote is what `work` replies, and yes only AFTER
   *  the database has promised to keep it. A gid that is prepared already votes yes again without doing anything (its
   *  output was told the first time). `work` that changed nothing leaves with `readOnly`, and nothing stays behind. A
   *  slot that is not there to keep it in is a no (`refused`), and nothing stays behind. Nor where a lock is not had in
   *  time: that is `failed` and may be asked again, so it counts as a no only when its attempts are used up (R19).
   *  Everything else is `failed`; where the connection broke it may be prepared all the same, so such a failure is asked
   *  again or rolled back, never taken for a no. The caller records a no in the barrier BEFORE it tells it, so that a
   *  slower repeat of the same prepare cannot be prepared after it. */
  abstract prepare(gid: string, work: (tx: Tx) => Promise<Reply>): Promise<Reply>;
  /** Settles as decided; idempotent. `found` is asked only where nothing is prepared under `gid`: "does not exist" counts
   *  as done only where the barrier's row, which the commit has made visible, says so. Throws a `Fault`; with
   *  `COMMIT_UNKNOWN` it may have happened, and asking again tells. */
  commit(gid: string, found: FindRows): Promise<PreparedEnd> {
    return this.end('commit', gid, found);
  }
  /** As `commit`, for the other decision. */
  rollback(gid: string, found: FindRows): Promise<PreparedEnd> {
    return this.end('rollback', gid, found);
  }
  /** Those that wait for a word, the oldest first; `prefix` is the service's name and a colon, or more of a gid. */
  abstract inDoubt(prefix: string): Promise<readonly InDoubt[]>;
  /** For adapters: ends what is prepared under `gid`; false where nothing is. */
  protected abstract settle(operation: 'commit' | 'rollback', gid: string): Promise<boolean>;

  private async end(operation: 'commit' | 'rollback', gid: string, found: FindRows): Promise<PreparedEnd> {
    if (await this.settle(operation, gid)) return 'done';
    const verdict = judgePrepared({ operation, generation: 1 }, { isPrepared: false, found: await found() });
    if (verdict === 'duplicate') return 'done';
    return verdict === 'empty' ? 'absent' : 'contradicted';
  }
}

/** Who claims rows of the outbox, for how long, and how many at most. */
export interface OutboxClaim {
  readonly owner: string;
  readonly claimMs: number;
  readonly limit: number;
}

/** Messages saved with the state that implies them; the relay publishes them AFTER the commit. */
export abstract class Outbox {
  /** Saves `messages` with the transaction, in order, claimed for `owner` so that its relay may publish at once. */
  abstract append(tx: Tx, messages: readonly Message[], owner: string): Promise<readonly OutboxRow[]>;
  /** Claims up to `limit` rows whose claim has expired. Rows of one key keep their order: a row is claimed only
   *  together with all earlier rows of its key, never past one that is claimed by somebody else (R17). */
  abstract claim(claim: OutboxClaim): Promise<readonly OutboxRow[]>;
  /** Claims up to `limit` rows behind the row `after`, oldest first, whoever holds them and for however long: for one who
   *  takes over from somebody who may be dead, himself before a lost commit included. The other may publish them too,
   *  which is a repeat. */
  abstract inherit(claim: OutboxClaim & { readonly after?: string }): Promise<readonly OutboxRow[]>;
  /** Removes rows AFTER the broker has acknowledged them. Idempotent. */
  abstract remove(ids: readonly string[]): Promise<void>;
  /** The age in ms of the oldest unpublished row, 0 when there is none. */
  abstract age(): Promise<number>;
}

export interface OutboxRow {
  readonly id: string;
  readonly message: Message;
}

export type Shard = number;
/** A fencing token: grows by one each time a shard is taken. */
export type Epoch = number;

/** The row a transaction keeps for its whole life. */
export interface TransactionRecord extends Precedence {
  readonly transactionId: TransactionId;
  readonly definition: string;
  readonly version: number;
  readonly shard: Shard;
  readonly input: unknown;
  /** ms of the store's clock. */
  readonly startedAt: number;
  /** Present when it is a step of another transaction. */
  readonly parent?: ParentLink;
}

/** Whose step a child is, and which half of it was asked for first: what its story begins with at every replay. */
export interface ParentLink extends Parent {
  /** Where the parent is reached: its partition of the inbox. */
  readonly shard: Shard;
}

/** Where a transaction stands, as its row says. */
export interface TransactionStatus {
  readonly transactionId: TransactionId;
  readonly shard: Shard;
  readonly status: string;
  readonly phase: Phase;
  readonly reason?: RestReason;
  /** What a completed transaction returns; JSON. Absent where it returns nothing, or is not completed any more. */
  readonly output?: unknown;
  /** ms of the store's clock. */
  readonly at: number;
  /** Until when it leaves its owner's memory, ms of the store's clock; `Infinity`: until a message comes. Absent for
   *  what stays in memory or rests. */
  readonly dueAt?: number;
}

export interface JournalEntry {
  readonly transactionId: TransactionId;
  readonly shard: Shard;
  /** From 1, without gaps. */
  readonly seq: number;
  readonly event: TransactionEvent;
}

/** Everything one batch of the coordinator makes durable together. */
export interface JournalBatch {
  /** One without a status of its own in the batch stands as `begun`, `moving`. */
  readonly starts: readonly TransactionRecord[];
  readonly entries: readonly JournalEntry[];
  /** Changes of the transaction row, for those whose status changed or who came to rest. A final row never changes again
   *  (I31). */
  readonly statuses: readonly TransactionStatus[];
  /** Facts for the outside, each with the shard of its transaction. */
  readonly facts: readonly { readonly shard: Shard; readonly message: Message }[];
  /** Claims to semantic locks that come and go with these events. Claims of one key get their places in the order in
   *  which their batches commit. Absent, none. */
  readonly locks?: LockChanges | undefined;
  /** Wishes that were told to their transactions, whether or not that changed anything: never told again. */
  readonly heard?: readonly { readonly shard: Shard; readonly wishId: string }[];
}

export interface JournalReceipt {
  /** Shards whose epoch was stale: nothing of theirs was written (R10). */
  readonly stale: readonly Shard[];
  /** Starts whose transaction existed already: nothing of theirs was written again, facts under its key included (R16). */
  readonly known: readonly TransactionId[];
  /** The facts that were written, claimed for the caller's relay. */
  readonly facts: readonly OutboxRow[];
}

/** A transaction as stored: its row and all its events in order. */
export interface StoredTransaction extends TransactionRecord {
  readonly status: string;
  readonly phase: Phase;
  readonly reason?: RestReason;
  readonly output?: unknown;
  readonly updatedAt: number;
  /** Present while it is out of its owner's memory, as its last status said. */
  readonly dueAt?: number;
  readonly events: readonly TransactionEvent[];
}

/** A place in the order in which evicted transactions fall due. */
export interface DuePlace {
  readonly dueAt: number;
  readonly transactionId: TransactionId;
}

export interface TransactionQuery {
  readonly status?: string;
  readonly phase?: Phase;
  readonly definition?: string;
  /** From 1 to 500. */
  readonly limit: number;
  /** Continue after this transaction id; newest come first. */
  readonly before?: TransactionId;
}

/** A reply that came after its decision and says more than is known (S17, S95), or whose transaction nobody knows (S36). */
export interface StoredLateReply extends BranchKey {
  readonly operation: Half;
  readonly generation: number;
  readonly outcome: Reply['outcome'];
  readonly meaning: Exclude<LateReply, 'duplicate'> | 'unknown-transaction';
  /** ms of the store's clock. */
  readonly at: number;
}

export interface LateRepliesToKeep {
  readonly epochs: ReadonlyMap<Shard, Epoch>;
  readonly replies: readonly (StoredLateReply & { readonly shard: Shard })[];
  /** Rows of one transaction at most; more are dropped, because what fills them comes over the wire. */
  readonly ofTransactionMax: number;
  /** Rows at most of transactions that nobody knows. */
  readonly ofNobodyMax: number;
}

/** The transactions and their events: one owner a shard, fenced by its epoch. */
export abstract class Journal {
  /** Takes `shard` for `owner`: raises its epoch under a row lock that every commit shares, so the caller may then
   *  read all that the old owner achieved, and the old owner achieves nothing more (R10, R11).
   *  `shardCount` is stored the first time; another count later throws `SHARD_COUNT_CHANGED` (R14). */
  abstract take(shard: Shard, owner: string, shardCount: number): Promise<Epoch>;
  /** Writes the batch in one flush, whole or not at all for each shard; a shard whose epoch in `epochs` is not the
   *  stored one drops its part alone. Idempotent for starts; a repeated (transaction, seq) is a bug and throws
   *  `DATA_REJECTED`. Throws `COMMIT_UNKNOWN` when it cannot be known whether it was written (R12). */
  abstract commit(
    epochs: ReadonlyMap<Shard, Epoch>,
    batch: JournalBatch,
    owner: string,
  ): Promise<JournalReceipt>;
  /** The moving transactions of a shard in order of id, at most `limit`, after `after`; without those that left memory. */
  abstract live(
    shard: Shard,
    page: { limit: number; after?: TransactionId },
  ): Promise<readonly StoredTransaction[]>;
  /** Those of `shards` that left memory and fall due until `until`, by due time and id, at most `limit`, after `after`. */
  abstract due(
    shards: readonly Shard[],
    query: { until: number; limit: number; after?: DuePlace },
  ): Promise<readonly StoredTransaction[]>;
  /** Those of `ids` that exist. */
  abstract load(ids: readonly TransactionId[]): Promise<readonly StoredTransaction[]>;
  /** Rows without their events, newest first. */
  abstract list(query: TransactionQuery): Promise<readonly StoredTransaction[]>;
  /** How many transactions of `shards` are parked, by definition; only those of which there are any. */
  abstract countParked(shards: readonly Shard[]): Promise<ReadonlyMap<string, number>>;
  /** Saves a wish: its audit row and the message for the owner, together (R13, I41), under the lock of the transaction's row,
   *  at an instant of the store's clock that was read under it. `repeated`: the same signal was saved before, heard or not,
   *  or the same wish, or another signal of the name, was and nobody has heard it (S40, S41, S94); nothing is written. `stale`: the transaction is at rest for
   *  good, is not there, or has not `version` events; nothing is written, and the wish must be judged anew. One whose start
   *  was accepted is there with no events: its wishes wait until it has begun (S36, S39). */
  abstract wish(wish: Wish): Promise<WishReceipt>;
  /** What was wanted last in a slot of a transaction (`slotOf`), heard or not. */
  abstract wished(id: TransactionId, slot: string): Promise<Wanted | undefined>;
  /** Unheard wishes for transactions of `shards` that have begun and are not at their end, taken longer than `olderThanMs` ago; oldest
   *  first, at most `limit`. The broker may lose what it acknowledged, and a wish is taken only once. Where the definition
   *  is missing only a resumption counts: nobody could hear the others. */
  abstract unheardWishes(
    shards: readonly Shard[],
    query: { olderThanMs: number; limit: number },
  ): Promise<readonly UnheardWish[]>;
  /** Every claim to the locks of `keys`, and to whatever else those who claim them claim, and so on: by key and place. A
   *  claim of one that does not move now is never said to be able to give way, for it could not hear of it. */
  abstract locksAround(keys: readonly string[]): Promise<readonly StoredLock[]>;
  /** Every claim of up to `keysMax` keys, by key and place, behind the key `after`. */
  abstract listLocks(page: { keysMax: number; after?: string }): Promise<readonly StoredLock[]>;
  /** Every unheard wish for these transactions, in the order of saving. Waits for those that are just being saved: one that
   *  is saved AFTER this bears a later instant than any that was read BEFORE it (S34). */
  abstract wishesFor(ids: readonly TransactionId[]): Promise<readonly UnheardWish[]>;
  /** Saves a start under its key, with its message; or answers what is known of the key (S42, S46). */
  abstract accept(start: AcceptedStart): Promise<AcceptedReceipt>;
  /** Accepted starts on `shards` of which there is no transaction, accepted longer than `olderThanMs` ago; at most `limit`. */
  abstract unbegunStarts(
    shards: readonly Shard[],
    query: { olderThanMs: number; limit: number },
  ): Promise<readonly UnbegunStart[]>;
  /** The start that was accepted for a transaction, begun or not. */
  abstract accepted(id: TransactionId): Promise<KnownStart | undefined>;
  /** Keeps late replies, one for each thing that was said, and answers those that are new. Idempotent. What a stale epoch
   *  brings is dropped (R10). */
  abstract keepLate(late: LateRepliesToKeep): Promise<readonly StoredLateReply[]>;
  /** The late replies of a transaction, oldest first. */
  abstract lateReplies(transactionId: TransactionId): Promise<readonly StoredLateReply[]>;
  /** The store's clock in ms, carried forward on the host's monotonic clock. */
  abstract now(): number;
}

/** Participants that are called instead of being sent messages. Each call is bounded in time, and in the size of what is
 *  believed of its answer; none is repeated here, because retries are durable. Neither throws. */
export abstract class ParticipantCalls {
  /** Asks for one half, under a key that is the branch's own: the same for every attempt and for its undo. Whatever is no
   *  answer (silence, an error, nonsense) is `failed`, which leaves the outcome unknown. Undefined: the call was called
   *  off by a stop, and nobody is to be told anything. */
  abstract call(command: Message<CommandData>): Promise<Reply | undefined>;
  /** Asks what became of an action, by its key (R6). Undefined: nobody could say. */
  abstract probe(probe: Message<ProbeData>): Promise<ProbeFinding | undefined>;
}

/** Time that passes on this host: for waiting, never for deciding (R15). */
export abstract class Clock {
  /** Monotonic ms. */
  abstract now(): number;
  /** Calls back once after `ms`; the returned function calls it off. */
  abstract after(ms: number, callback: () => void): () => void;
}
