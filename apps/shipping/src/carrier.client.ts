/**
 * The carrier as shipping sees it: ship by key, cancel by the shipment's key. Repeating a call with its key is safe, and
 * cancelling a shipment that is not there leaves a tombstone, so that it is refused should it still come (R8).
 * An answer that is not understood is never taken for a yes or a no. The address passes through and is kept nowhere.
 */
import { keyReused, notUnderstood, noVerdict, ProviderClient, type ProviderAnswer } from '@sagamore/http';
import { CircuitBreaker, type CircuitBreakerOptions } from '@sagamore/resilience';
import { z } from 'zod';

export interface Address {
  readonly name: string;
  readonly street: string;
  readonly city: string;
  readonly postcode: string;
  readonly country: string;
}

export interface ShipmentRequest {
  readonly shipTo: Address;
  /** From 1. */
  readonly parcels: number;
  /** Ours, for their ledger: no personal data. */
  readonly reference: string;
}

export interface CancellationRequest {
  /** The key under which the shipment was booked, or would have been. */
  readonly shipmentKey: string;
  readonly reference: string;
}

export type ShipmentAnswer =
  | { readonly status: 'booked'; readonly shipmentId: string; readonly trackingNumber: string }
  | { readonly status: 'refused'; readonly code: string };

export type CancellationAnswer =
  | { readonly status: 'cancelled' }
  | { readonly status: 'nothing-to-cancel' }
  | { readonly status: 'refused'; readonly code: string };

/** Moves parcels. Every method is idempotent by `key`, and throws a `Fault` when the outcome is not known: the same call
 *  with the same key may then be made again. */
export abstract class Carrier {
  /** Books the parcel at most once, whatever the number of calls. Refuses with `voided` under a tombstone. */
  abstract ship(key: string, request: ShipmentRequest): Promise<ShipmentAnswer>;
  /** Cancels at most once; without a shipment it plants the tombstone of `shipmentKey`. */
  abstract cancel(key: string, request: CancellationRequest): Promise<CancellationAnswer>;
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

/** Printable: it becomes a row, and one that could never be written would keep its parcel from ever being booked. */
const word = z.string().regex(/^[\x20-\x7e]{1,200}$/);
const booked = z.object({ shipmentId: word, trackingNumber: word });
const cancellation = z.object({ status: z.enum(['cancelled', 'nothing-to-cancel']) });
const refusal = z.object({ code: z.string().regex(/^[a-z0-9-]{1,60}$/) });

/** The carrier over HTTP. Bookings and cancellations have a breaker each: one that fails must not stop the other. */
export class HttpCarrier extends Carrier {
  private readonly client: ProviderClient;
  private readonly bookings: CircuitBreaker<[Call], ProviderAnswer>;
  private readonly cancellations: CircuitBreaker<[Call], ProviderAnswer>;

  constructor({ url, timeoutMs, circuit }: ProviderOptions) {
    super();
    this.client = new ProviderClient({ baseUrl: url, timeoutMs });
    const call = ({ path, key, body }: Call): Promise<ProviderAnswer> =>
      this.client.post(path, body, { idempotencyKey: key });
    this.bookings = new CircuitBreaker('carrier-bookings', call, circuit);
    this.cancellations = new CircuitBreaker('carrier-cancellations', call, circuit);
  }

  async ship(key: string, { shipTo, parcels, reference }: ShipmentRequest): Promise<ShipmentAnswer> {
    const answer = await this.bookings.call({
      path: '/carrier/shipments',
      key,
      body: { ...shipTo, parcels, reference },
    });
    if (answer.status !== 201) return refusedBy(answer, key);
    const { shipmentId, trackingNumber } = understood(booked, answer, key);
    return { status: 'booked', shipmentId, trackingNumber };
  }

  async cancel(key: string, { shipmentKey, reference }: CancellationRequest): Promise<CancellationAnswer> {
    const body = { shipmentKey, reference };
    const answer = await this.cancellations.call({ path: '/carrier/cancellations', key, body });
    if (answer.status !== 200 && answer.status !== 201) return refusedBy(answer, key);
    return { status: understood(cancellation, answer, key).status };
  }

  async stop(): Promise<void> {
    this.bookings.shutdown();
    this.cancellations.shutdown();
    await this.client.stop();
  }
}

/** 422 is the carrier's no; 409 is a no only when it says `voided`, otherwise the same key is being worked on. `key-reused`
 *  is no answer to this call at all: another request was decided under the key, so the outcome is unknown. */
function refusedBy(
  answer: ProviderAnswer,
  key: string,
): { readonly status: 'refused'; readonly code: string } {
  const code = refusal.safeParse(answer.body).data?.code;
  if (code === 'key-reused') throw keyReused(key);
  if (answer.status === 422) return { status: 'refused', code: code ?? 'provider-rejected' };
  if (answer.status === 409 && code === 'voided') return { status: 'refused', code };
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
