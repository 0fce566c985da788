/**
 * The card network as payment sees it: charge by key, refund by the charge's key. Repeating a call with its key is safe,
 * and a refund of a charge that is not there leaves a tombstone, so that the charge is refused should it still come (R8).
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

export type ChargeAnswer =
  | { readonly status: 'captured'; readonly chargeId: string }
  | { readonly status: 'refused'; readonly code: string };

export type RefundAnswer =
  | { readonly status: 'refunded' }
  | { readonly status: 'nothing-to-refund' }
  | { readonly status: 'refused'; readonly code: string };

/** Moves money between cards and us. Every method is idempotent by `key`, and throws a `Fault` when the outcome is not
 *  known: the same call with the same key may then be made again. */
export abstract class CardNetwork {
  /** Takes the money at most once, whatever the number of calls. Refuses with `voided` under a tombstone. */
  abstract charge(key: string, request: ChargeRequest): Promise<ChargeAnswer>;
  /** Gives the whole charge back at most once; without a charge it plants the tombstone of `chargeKey`. */
  abstract refund(key: string, request: RefundRequest): Promise<RefundAnswer>;
  /** Ends what the client holds open. */
  abstract stop(): Promise<void>;
}

export interface ProviderOptions {
  /** Scheme, host and port. */
  readonly url: string;
  /** How long one call may take. */
  readonly timeoutMs: number;
  /** For each of the two breakers. Default: theirs. */
  readonly circuit?: CircuitBreakerOptions;
}

interface Call {
  readonly path: string;
  readonly key: string;
  readonly body: unknown;
}

const captured = z.object({ chargeId: z.string().min(1).max(200), status: z.literal('captured') });
const refundAnswer = z.object({ status: z.enum(['refunded', 'nothing-to-refund']) });
const refusal = z.object({ code: z.string().regex(/^[a-z0-9-]{1,60}$/) });

/** The network over HTTP. Charges and refunds have a breaker each: refunds that fail must not keep shops from selling. */
export class HttpCardNetwork extends CardNetwork {
  private readonly client: ProviderClient;
  private readonly charges: CircuitBreaker<[Call], ProviderAnswer>;
  private readonly refunds: CircuitBreaker<[Call], ProviderAnswer>;

  constructor({ url, timeoutMs, circuit }: ProviderOptions) {
    super();
    this.client = new ProviderClient({ baseUrl: url, timeoutMs });
    const call = ({ path, key, body }: Call): Promise<ProviderAnswer> =>
      this.client.post(path, body, { idempotencyKey: key });
    this.charges = new CircuitBreaker('card-network-charges', call, circuit);
    this.refunds = new CircuitBreaker('card-network-refunds', call, circuit);
  }

  async charge(key: string, { amount, token, reference }: ChargeRequest): Promise<ChargeAnswer> {
    const body = { amountMinor: amount.amountMinor, currency: amount.currency, token, reference };
    const answer = await this.charges.call({ path: '/card-network/charges', key, body });
    if (answer.status === 201) {
      return { status: 'captured', chargeId: understood(captured, answer, key).chargeId };
    }
    return refusedBy(answer, key);
  }

  async refund(key: string, { chargeKey, reference }: RefundRequest): Promise<RefundAnswer> {
    const answer = await this.refunds.call({
      path: '/card-network/refunds',
      key,
      body: { chargeKey, reference },
    });
    if (answer.status === 200 || answer.status === 201) {
      return { status: understood(refundAnswer, answer, key).status };
    }
    return refusedBy(answer, key);
  }

  async stop(): Promise<void> {
    this.charges.shutdown();
    this.refunds.shutdown();
    await this.client.stop();
  }
}

/** 402 is the network's no and 422 its doubt about what we sent; 409 is a no only when it says `voided`, otherwise the same
 *  key is being worked on at this moment. `key-reused` is no answer to this call at all: under the key another request was
 *  decided, perhaps one that took the money, so the outcome is unknown and must be undone by key. */
function refusedBy(
  answer: ProviderAnswer,
  key: string,
): { readonly status: 'refused'; readonly code: string } {
  const code = refusal.safeParse(answer.body).data?.code;
  if (answer.status === 402) return { status: 'refused', code: code ?? 'card-refused' };
  if (answer.status === 409 && code === 'voided') return { status: 'refused', code };
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
