/**
 * The card network as payment sees it: charge by key, refund by the charge's key; or authorize by key, then capture or
 * void by the authorization's key (R21). Repeating a call with its key is safe, and undoing what is not there leaves a
 * tombstone, so that it is refused should it still come (R8).
 * An answer that is not understood is never taken for a yes or a no. The token passes through and is kept nowhere.
 */
import type { Money } from '@sagamore/contracts';
import { keyReused, notUnderstood, noVerdict, ProviderClient, type ProviderAnswer } from '@sagamore/http';
import { CircuitBreaker, type CircuitBreakerOptions } from '@sagamore/resilience';
import { z } from 'zod';

export interface ChargeRequest {
  readonly amount: Money;
  readonly token: string;
  /** Ours, for their ledger: no personal data. */
  readonly reference: string;
}

export interface RefundRequest {
  /** The key under which the charge was made, or would have been. */
  readonly chargeKey: string;
  readonly reference: string;
}

export interface SettlementRequest {
  /** The key under which the money was authorized, or would have been. */
  readonly authorizationKey: string;
  readonly reference: string;
}

export type ChargeAnswer =
  | { readonly status: 'captured'; readonly chargeId: string }
  | { readonly status: 'refused'; readonly code: string };

export type RefundAnswer =
  | { readonly status: 'refunded' }
  | { readonly status: 'nothing-to-refund' }
  | { readonly status: 'refused'; readonly code: string };

export type AuthorizationAnswer =
  | { readonly status: 'authorized'; readonly authorizationId: string }
  | { readonly status: 'refused'; readonly code: string };

export type CaptureAnswer =
  { readonly status: 'captured' } | { readonly status: 'refused'; readonly code: string };

export type VoidAnswer =
  | { readonly status: 'voided' }
  | { readonly status: 'nothing-to-void' }
  | { readonly status: 'refused'; readonly code: string };

/** Moves money between cards and us. Every method is idempotent by `key`, and throws a `Fault` when the outcome is not
 *  known: the same call with the same key may then be made again. */
export abstract class CardNetwork {
  /** Takes the money at most once, whatever the number of calls. Refuses with `voided` under a tombstone. */
  abstract charge(key: string, request: ChargeRequest): Promise<ChargeAnswer>;
  /** Gives the whole charge back at most once; without a charge it plants the tombstone of `chargeKey`. */
  abstract refund(key: string, request: RefundRequest): Promise<RefundAnswer>;
  /** Holds the money at most once, whatever the number of calls. Refuses with `voided` under a tombstone. */
  abstract authorize(key: string, request: ChargeRequest): Promise<AuthorizationAnswer>;
  /** Takes what was held, at most once. Refuses with `voided` what was let go; throws when nothing is held yet. */
  abstract capture(key: string, request: SettlementRequest): Promise<CaptureAnswer>;
  /** Lets go what was held; without an authorization it plants the tombstone of its key. Refuses with `already-captured`. */
  abstract void(key: string, request: SettlementRequest): Promise<VoidAnswer>;
  /** Ends what the client holds open. */
  abstract stop(): Promise<void>;
}

export interface ProviderOptions {
  /** Scheme, host and port. */
  readonly url: string;
  /** How long one call may take. */
  readonly timeoutMs: number;
  /** For each of the breakers. Default: theirs. */
  readonly circuit?: CircuitBreakerOptions;
}

interface Call {
  readonly path: string;
  readonly key: string;
  readonly body: unknown;
}

const captured = z.object({ chargeId: z.string().min(1).max(200), status: z.literal('captured') });
const authorized = z.object({
  authorizationId: z.string().min(1).max(200),
  status: z.literal('authorized'),
});
const captureAnswer = z.object({ status: z.literal('captured') });
const voidAnswer = z.object({ status: z.enum(['voided', 'nothing-to-void']) });
const refundAnswer = z.object({ status: z.enum(['refunded', 'nothing-to-refund']) });
const refusal = z.object({ code: z.string().regex(/^[a-z0-9-]{1,60}$/) });

/** The network over HTTP. What takes or holds money, what gives it back and what settles a hold have a breaker each:
 *  refunds that fail must not keep shops from selling, nor captures from being made. */
export class HttpCardNetwork extends CardNetwork {
  private readonly client: ProviderClient;
  private readonly charges: CircuitBreaker<[Call], ProviderAnswer>;
  private readonly refunds: CircuitBreaker<[Call], ProviderAnswer>;
  private readonly settlements: CircuitBreaker<[Call], ProviderAnswer>;

  constructor({ url, timeoutMs, circuit }: ProviderOptions) {
    super();
    this.client = new ProviderClient({ baseUrl: url, timeoutMs });
    const call = ({ path, key, body }: Call): Promise<ProviderAnswer> =>
      this.client.post(path, body, { idempotencyKey: key });
    this.charges = new CircuitBreaker('card-network-charges', call, circuit);
    this.refunds = new CircuitBreaker('card-network-refunds', call, circuit);
    this.settlements = new CircuitBreaker('card-network-settlements', call, circuit);
  }

  /** What stops the calls when nobody answers. */
  get circuits(): readonly CircuitBreaker<[Call], ProviderAnswer>[] {
    return [this.charges, this.refunds, this.settlements];
  }

  async charge(key: string, request: ChargeRequest): Promise<ChargeAnswer> {
    const answer = await this.charges.call({ path: '/card-network/charges', key, body: bodyOf(request) });
    return answer.status === 201 ? understood(captured, answer, key) : refusedBy(answer, key);
  }

  async refund(key: string, { chargeKey, reference }: RefundRequest): Promise<RefundAnswer> {
    const answer = await this.refunds.call({
      path: '/card-network/refunds',
      key,
      body: { chargeKey, reference },
    });
    return isDone(answer) ? understood(refundAnswer, answer, key) : refusedBy(answer, key);
  }

  async authorize(key: string, request: ChargeRequest): Promise<AuthorizationAnswer> {
    const path = '/card-network/authorizations';
    const answer = await this.charges.call({ path, key, body: bodyOf(request) });
    return answer.status === 201 ? understood(authorized, answer, key) : refusedBy(answer, key);
  }

  async capture(key: string, body: SettlementRequest): Promise<CaptureAnswer> {
    const answer = await this.settlements.call({ path: '/card-network/captures', key, body });
    return isDone(answer) ? understood(captureAnswer, answer, key) : refusedBy(answer, key);
  }

  async void(key: string, body: SettlementRequest): Promise<VoidAnswer> {
    const answer = await this.settlements.call({ path: '/card-network/voids', key, body });
    return isDone(answer) ? understood(voidAnswer, answer, key) : refusedBy(answer, key);
  }

  async stop(): Promise<void> {
    this.charges.shutdown();
    this.refunds.shutdown();
    this.settlements.shutdown();
    await this.client.stop();
  }
}

function bodyOf({ amount, token, reference }: ChargeRequest): Readonly<Record<string, unknown>> {
  return { amountMinor: amount.amountMinor, currency: amount.currency, token, reference };
}

function isDone({ status }: ProviderAnswer): boolean {
  return status === 200 || status === 201;
}

/** The settlement that was asked for can never come any more. */
const settledOtherwise: ReadonlySet<string> = new Set(['voided', 'already-captured']);

/** 402 is the network's no and 422 its doubt about what we sent; 409 is a no only when it says that the matter is settled
 *  otherwise; else the same key, or what it is about, is being worked on at this moment. `key-reused` is no answer to this call at all: under the key another request was
 *  decided, perhaps one that took the money, so the outcome is unknown and must be undone by key. */
function refusedBy(
  answer: ProviderAnswer,
  key: string,
): { readonly status: 'refused'; readonly code: string } {
  const code = refusal.safeParse(answer.body).data?.code;
  if (answer.status === 402) return { status: 'refused', code: code ?? 'card-refused' };
  if (answer.status === 409 && code !== undefined && settledOtherwise.has(code))
    return { status: 'refused', code };
  if (code === 'key-reused') throw keyReused(key);
  if (answer.status === 422) return { status: 'refused', code: 'provider-rejected' };
  throw noVerdict(answer.status, key);
}

function understood<Schema extends z.ZodType>(
  schema: Schema,
  { status, body }: ProviderAnswer,
  key: string,
): z.output<Schema> {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  throw notUnderstood(status, key);
}
