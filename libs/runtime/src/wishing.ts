/**
 * The door through which people, customers and other systems reach a running transaction: a wish is judged by the journal,
 * saved with its audit row, and answered (R13). Whoever serves the request does this; the owner alone acts. Because the
 * machine is pure, the door can ask it what a wish would do without telling it anything.
 */
import type { CancelVerdict, SignalVerdict, Standing, TransactionId } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import { isDeepStrictEqual } from 'node:util';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { check, schemasOf } from './declared-protocol.js';
import type { LiveTransaction } from './decision.js';
import { revive, shelved } from './definitions.js';
import type { DoorPorts } from './door.js';
import type { StoredTransaction } from './ports.js';
import type { KnownStart, UnbegunStart } from './start.js';
import { eventOfWish, slotOf, wishMessage, type Wanted } from './wish.js';

/** Somebody wants something. `version`: the one they decided upon; when it is another by now, nothing happens (S94). */
export interface Asked {
  readonly transactionId: TransactionId;
  readonly wanted: Wanted;
  readonly actor: string;
  readonly reason: string;
  readonly version?: number;
}

/** Why a wish was not taken. `ended`: the transaction is at its end · `moved-on`: it is not at the version that was named ·
 *  `asked-already`: the same was asked for, and not carried out yet · `too-late`: for this signal, or, for a cancellation,
 *  the pivot was asked for · `not-awaited`: no signal of this name ever is · `nothing-to-do`: it would change nothing. */
export type Decline = 'ended' | 'moved-on' | 'asked-already' | 'too-late' | 'not-awaited' | 'nothing-to-do';

export type WishAnswer =
  /** Saved, now or by an earlier call with the same signal id. */
  | { readonly outcome: 'accepted'; readonly version: number }
  | {
      readonly outcome: 'declined';
      readonly why: Decline;
      readonly version: number;
      readonly standing: Standing;
    }
  /** The signal's id was used for another payload. */
  | { readonly outcome: 'id-reused' }
  | { readonly outcome: 'invalid'; readonly issues: readonly StandardSchemaV1.Issue[] }
  | { readonly outcome: 'unknown' };

/** How often a wish is judged anew because the transaction moved meanwhile. */
const triesMax = 10;

export class Wishing {
  constructor(
    private readonly ports: DoorPorts,
    /** The process whose relay publishes. */
    private readonly owner: string,
  ) {}

  /** Judges and saves. An accepted wish is durable and reaches the owner whatever the broker does; what comes of it the
   *  transaction's journal tells. Throws a `Fault` when the store cannot answer, or the transaction moves too fast. */
  async ask(asked: Asked): Promise<WishAnswer> {
    for (let tries = 0; tries < triesMax; tries++) {
      const stored = await this.find(asked.transactionId);
      if (stored === undefined) return { outcome: 'unknown' };
      const answer = await this.askOf(stored, asked);
      if (answer !== undefined) return answer;
    }
    const message = `transaction ${asked.transactionId} was wanted at rest for a moment, found it moving`;
    throw new Fault('SERIALIZATION_CONFLICT', message, { retryable: true });
  }

  /** S36, S39: whoever was told that a start is accepted may speak to it at once, so one that has not begun is judged as it
   *  will begin. */
  private async find(id: TransactionId): Promise<StoredTransaction | undefined> {
    const { journal, definitions } = this.ports;
    const [stored] = await journal.load([id]);
    if (stored !== undefined) return stored;
    const start = await journal.accepted(id);
    // Without its input it has begun between the two looks, or was removed long ago.
    if (start?.input === undefined) return start && (await journal.load([id]))[0];
    return asBegun({ ...start, input: start.input }, definitions.latest(start.definition)?.version ?? 0);
  }

  /** Undefined when the transaction moved between the reading and the saving. */
  private async askOf(stored: StoredTransaction, asked: Asked): Promise<WishAnswer | undefined> {
    const live = this.revived(stored);
    const checked = await checkSignal(live, asked.wanted);
    if (checked.issues !== undefined) return { outcome: 'invalid', issues: checked.issues };
    const { wanted } = checked;
    const answer = await this.repeated(live, wanted);
    if (answer !== undefined) return answer;
    const decline = whyNot(live, { ...asked, wanted }, this.ports.journal.now());
    return decline === undefined ? this.save(live, { ...asked, wanted }) : declined(live, decline);
  }

  /** A signal that came before is answered as it was, whatever happened since (S40). */
  private async repeated(live: LiveTransaction, wanted: Wanted): Promise<WishAnswer | undefined> {
    if (wanted.type !== 'signal-received') return undefined;
    const earlier = await this.ports.journal.wished(live.record.transactionId, slotOf(wanted));
    return earlier === undefined ? undefined : repeatOf(live, earlier, wanted);
  }

  private async save(
    live: LiveTransaction,
    { transactionId, wanted, actor, reason }: Asked,
  ): Promise<WishAnswer | undefined> {
    const { journal, relay } = this.ports;
    const about = { transactionId, slot: slotOf(wanted), version: live.seq };
    const message = wishMessage(about, { shard: live.record.shard, at: journal.now() });
    const wish = { ...about, wanted, actor, reason, message, owner: this.owner };
    const receipt = await journal.wish(wish);
    switch (receipt.outcome) {
      case 'stale':
        return undefined;
      case 'repeated':
        return repeatOf(live, receipt.wanted, wanted);
      case 'taken': {
        relay.publish(receipt.rows);
        // S34: the store's instant decides, and it is later than the one that was guessed.
        const late = whyNot(live, { wanted }, receipt.at);
        return late === undefined ? { outcome: 'accepted', version: live.seq } : declined(live, late);
      }
    }
  }

  private revived(stored: StoredTransaction): LiveTransaction {
    try {
      return revive(stored, this.ports.definitions) ?? shelved(stored);
    } catch {
      // Its owner has parked it, or will: a definition's function throws at replay.
      return shelved(stored);
    }
  }
}

function asBegun(
  { transactionId, definition, shard, input, acceptedAt: at }: KnownStart & UnbegunStart,
  version: number,
): StoredTransaction {
  const standing = { status: 'begun', phase: 'moving', startedAt: at, updatedAt: at } as const;
  return { transactionId, definition, version, shard, input, ...standing, events: [] };
}

async function checkSignal(
  { protocol }: LiveTransaction,
  wanted: Wanted,
): Promise<
  | { readonly wanted: Wanted; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaV1.Issue[] }
> {
  if (wanted.type !== 'signal-received') return { wanted };
  const schemas = schemasOf(protocol).signals ?? {};
  const schema = Object.hasOwn(schemas, wanted.name) ? schemas[wanted.name] : undefined;
  const checked = await check(schema, wanted.payload);
  return checked.issues === undefined ? { wanted: { ...wanted, payload: checked.value } } : checked;
}

/** Why a wish is not taken at `at`; undefined when it would do something. */
function whyNot(
  { protocol, state, seq }: LiveTransaction,
  { wanted, version }: Pick<Asked, 'wanted' | 'version'>,
  at: number,
): Decline | undefined {
  const { phase } = protocol.standing(state);
  if (wanted.type === 'signal-received')
    return declineOfSignal(protocol.judgeSignal?.(state, { ...wanted, at }) ?? 'unknown', phase);
  if (phase === 'final' || phase === 'held') return 'ended';
  if (version !== undefined && version !== seq) return 'moved-on';
  if (wanted.type === 'cancel-requested' && protocol.judgeCancel !== undefined)
    return declineOfCancel(protocol.judgeCancel(state));
  return changes({ protocol, state }, wanted, at) ? undefined : 'nothing-to-do';
}

function declineOfSignal(verdict: SignalVerdict, phase: Standing['phase']): Decline | undefined {
  switch (verdict) {
    case 'delivered':
    case 'buffered':
      return undefined;
    case 'unknown':
      return 'not-awaited';
    case 'repeated':
    case 'too-late':
      return phase === 'final' || phase === 'held' ? 'ended' : 'too-late';
  }
}

function declineOfCancel(verdict: CancelVerdict): Decline | undefined {
  switch (verdict) {
    case 'cancels':
      return undefined;
    case 'already-undoing':
      return 'nothing-to-do';
    case 'too-late':
    case 'ended':
      return verdict;
  }
}

/** The machine is asked, and not told. */
function changes(
  { protocol, state }: Pick<LiveTransaction, 'protocol' | 'state'>,
  wanted: Wanted,
  at: number,
): boolean {
  const wish = { wanted, actor: '', reason: '', at, wishId: '', transactionId: '', shard: 0 };
  try {
    return protocol.transition(state, eventOfWish(wish, at)).state !== state;
  } catch {
    // A function of the definition throws: the owner will find it out, and park the transaction with the reason.
    return true;
  }
}

/** Another signal of the name is not this one come again: it was first, and the first alone counts (S41). */
function repeatOf(live: LiveTransaction, earlier: Wanted, wanted: Wanted): WishAnswer {
  if (wanted.type !== 'signal-received') return declined(live, 'asked-already');
  if (slotOf(earlier) !== slotOf(wanted)) return declined(live, 'too-late');
  return isDeepStrictEqual(earlier, wanted)
    ? { outcome: 'accepted', version: live.seq }
    : { outcome: 'id-reused' };
}

function declined({ protocol, state, seq: version }: LiveTransaction, why: Decline): WishAnswer {
  return { outcome: 'declined', why, version, standing: protocol.standing(state) };
}
