/**
 * A card network that behaves as its tokens say: it charges, refunds, authorizes, captures and voids, each once a key.
 * Undoing what is not there leaves a tombstone, so that a call still on its way is refused when it arrives (R8).
 * It shares no code with payment, whose idea of the world it is meant to contradict.
 */
import { Calls, idFrom, type Decision, type Reply } from './calls.js';
import {
  cardEntry,
  endWords,
  goodTokens,
  paidWords,
  refusalOf,
  type CardEntry,
  type PaymentBody,
  type PaymentKind,
  type RefundBody,
  type SettlementBody,
} from './card-network.words.js';
import type { LedgerPage, Line } from './ledger.js';

export interface CardNetworkSettings {
  /** How long `tok_slow` takes, ms. Default 2 000. */
  readonly slowMs?: number;
  /** How often `tok_flaky` fails for each key. Default 2. */
  readonly flakyFailures?: number;
}

interface Payment {
  readonly entry: CardEntry;
  /** How it ended: its refund, capture or void. */
  readonly ended?: { readonly kind: keyof typeof endWords; readonly key: string };
  readonly refundFails: boolean;
}

const unavailable = { status: 503, body: { code: 'unavailable' } };

export class CardNetwork {
  private readonly payments = new Map<string, Payment>();
  private readonly tombstones = new Set<string>();
  private readonly failures = new Map<string, number>();
  private readonly calls: Calls<CardEntry>;
  private readonly settings: Required<CardNetworkSettings>;
  private heals = 0;

  constructor(options: {
    readonly settings: CardNetworkSettings;
    readonly file: string | undefined;
    readonly pause: (ms: number) => Promise<void>;
  }) {
    this.settings = { slowMs: 2_000, flakyFailures: 2, ...options.settings };
    const { file, pause } = options;
    this.calls = new Calls({ file, pause, entry: cardEntry, apply: (line) => this.apply(line) });
  }

  /** Takes or holds the money at most once a key. 201, 402 with a reason, 409 `voided` under a tombstone. */
  pay(kind: PaymentKind, payKey: string, body: PaymentBody): Promise<Reply> {
    const busyMs = body.token === 'tok_slow' ? this.settings.slowMs : 0;
    const decide = () => this.decidePayment(kind, payKey, body);
    return this.calls.perform({ operation: kind, key: payKey, body, busyMs, decide });
  }

  /** Gives a whole charge back at most once; 402 `refund-declined` while it is a charge whose refunds fail. */
  refund(refundKey: string, body: RefundBody): Promise<Reply> {
    const decide = () => this.decideRefund(refundKey, body);
    return this.calls.perform({ operation: 'refund', key: refundKey, body, busyMs: 0, decide });
  }

  /** Captures or voids an authorization: the first of the two wins, the other is refused with 409. */
  settle(kind: 'capture' | 'void', settleKey: string, body: SettlementBody): Promise<Reply> {
    const decide = () => this.decideSettlement(kind, settleKey, body.authorizationKey);
    return this.calls.perform({ operation: kind, key: settleKey, body, busyMs: 0, decide });
  }

  /** What became of a charge or an authorization. `undefined`: never heard of it. */
  probe(kind: PaymentKind, payKey: string): Readonly<Record<string, unknown>> | undefined {
    const payment = this.payments.get(name(kind, payKey));
    const { idName, prefix, status } = paidWords[kind];
    if (payment !== undefined)
      return { [idName]: idFrom(prefix, payKey), status: endStatus(payment) ?? status };
    if (this.tombstones.has(name(kind, payKey))) return { status: 'voided' };
    return this.calls.isRunning(kind, payKey) ? { status: 'in-flight' } : undefined;
  }

  /** Lets the refunds of every charge made so far work. */
  async heal(): Promise<void> {
    const decide = (): Decision<CardEntry> => ({ answer: { status: 200, body: {} } });
    await this.calls.perform({ operation: 'heal', key: String(this.heals + 1), body: {}, busyMs: 0, decide });
  }

  ledger(after: number, limit: number): LedgerPage<CardEntry> {
    return this.calls.page(after, limit);
  }

  close(): void {
    this.calls.close();
  }

  private decidePayment(kind: PaymentKind, payKey: string, body: PaymentBody): Decision<CardEntry> {
    const { token, amountMinor, currency, reference } = body;
    if (this.tombstones.has(name(kind, payKey))) return refused(409, 'voided');
    if (!goodTokens.has(token)) return refused(402, refusalOf(token));
    if (token === 'tok_flaky' && this.failsNow(name(kind, payKey)))
      return { answer: unavailable, kept: false };
    const { idName, prefix, status } = paidWords[kind];
    const answer = { status: 201, body: { [idName]: idFrom(prefix, payKey), status } };
    const entry: CardEntry = { kind, key: payKey, amountMinor, currency, reference, at: Date.now() };
    if (token === 'tok_refund_fails') return { answer, entry: { ...entry, refundFails: true } };
    return { answer, entry, replyIsLost: token === 'tok_lost_reply' };
  }

  private decideRefund(refundKey: string, { chargeKey, reference }: RefundBody): Decision<CardEntry> {
    const charge = this.payments.get(name('charge', chargeKey));
    if (charge === undefined)
      return this.plant({ kind: 'charge', key: chargeKey }, { reference, status: 'nothing-to-refund' });
    // Not kept: asked again after the healing, the same key gets its money.
    if (charge.ended === undefined && charge.refundFails)
      return { ...refused(402, 'refund-declined'), kept: false };
    return this.end('refund', refundKey, { charge, reference });
  }

  private decideSettlement(kind: 'capture' | 'void', settleKey: string, of: string): Decision<CardEntry> {
    const charge = this.payments.get(name('authorize', of));
    const isVoided = this.tombstones.has(name('authorize', of)) || charge?.ended?.kind === 'void';
    if (kind === 'capture' && isVoided) return refused(409, 'voided');
    // Not kept: the authorization may still be on its way.
    if (kind === 'capture' && charge === undefined) return { ...refused(409, 'not-authorized'), kept: false };
    if (charge === undefined)
      return this.plant({ kind: 'authorize', key: of }, { reference: of, status: 'nothing-to-void' });
    if (kind === 'void' && charge.ended?.kind === 'capture') return refused(409, 'already-captured');
    return this.end(kind, settleKey, { charge, reference: charge.entry.reference });
  }

  /** Ends a payment once: under another key it is answered again, and nothing happens. */
  private end(
    kind: keyof typeof endWords,
    endKey: string,
    { charge, reference }: { readonly charge: Payment; readonly reference: string },
  ): Decision<CardEntry> {
    const { prefix, idName, status } = endWords[kind];
    const answer = { status: 200, body: { [idName]: idFrom(prefix, charge.ended?.key ?? endKey), status } };
    if (charge.ended !== undefined) return { answer };
    const { key, amountMinor, currency } = charge.entry;
    const payment = { kind: kind === 'refund' ? 'charge' : 'authorize', key } as const;
    return {
      answer,
      entry: { kind, key: endKey, payment, amountMinor, currency, reference, at: Date.now() },
    };
  }

  private plant(
    payment: { readonly kind: PaymentKind; readonly key: string },
    { reference, status }: { readonly reference: string; readonly status: string },
  ): Decision<CardEntry> {
    const { kind, key } = payment;
    const answer = { status: 200, body: { status } };
    if (this.tombstones.has(name(kind, key))) return { answer };
    const entry = {
      kind: 'tombstone',
      key,
      payment,
      amountMinor: 0,
      currency: null,
      reference,
      at: Date.now(),
    } as const;
    return { answer, entry };
  }

  private failsNow(payment: string): boolean {
    const failures = this.failures.get(payment) ?? 0;
    if (failures >= this.settings.flakyFailures) return false;
    this.failures.set(payment, failures + 1);
    return true;
  }

  private apply({ operation, entry }: Line<CardEntry>): void {
    if (operation === 'heal') this.healAll();
    if (entry === undefined) return;
    const { kind, key, payment } = entry;
    if (kind === 'charge' || kind === 'authorize') {
      this.payments.set(name(kind, key), { entry, refundFails: entry.refundFails === true });
      return;
    }
    if (payment === undefined) return;
    const changed = name(payment.kind, payment.key);
    const before = this.payments.get(changed);
    if (kind === 'tombstone') this.tombstones.add(changed);
    else if (before !== undefined) this.payments.set(changed, { ...before, ended: { kind, key } });
  }

  private healAll(): void {
    this.heals += 1;
    for (const [payment, state] of this.payments) {
      if (state.refundFails) this.payments.set(payment, { ...state, refundFails: false });
    }
  }
}

function endStatus({ ended }: Payment): string | undefined {
  return ended === undefined ? undefined : endWords[ended.kind].status;
}

function name(kind: string, key: string): string {
  return `${kind} ${key}`;
}

function refused(status: number, code: string): { readonly answer: Decision<CardEntry>['answer'] } {
  return { answer: { status, body: { code } } };
}
