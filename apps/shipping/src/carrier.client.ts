/**
 * The carrier as shipping sees it: ship by key, cancel by the shipment's key; or hold a place by key, then dispatch or
 * cancel by that key (R21). Repeating a call with its key is safe, and cancelling what is not there leaves a tombstone, so
 * that it is refused should it still come (R8).
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

/** Names what is cancelled by the key under which it was booked or held, or would have been. */
export type CancellationRequest = { readonly reference: string } & (
  { readonly shipmentKey: string } | { readonly bookingKey: string }
);

export interface DispatchRequest {
  /** The key under which the place is held. */
  readonly bookingKey: string;
  readonly reference: string;
}

export type ShipmentAnswer =
  | { readonly status: 'booked'; readonly shipmentId: string; readonly trackingNumber: string }
  | { readonly status: 'refused'; readonly code: string };

export type HoldAnswer =
  | { readonly status: 'held'; readonly bookingId: string }
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
  /** Holds a place at most once, whatever the number of calls. Refuses with `voided` under a tombstone. */
  abstract hold(key: string, request: ShipmentRequest): Promise<HoldAnswer>;
  /** Makes a held place a shipment, at most once. Refuses with `voided` what was let go; throws when nothing is held yet. */
  abstract dispatch(key: string, request: DispatchRequest): Promise<ShipmentAnswer>;
  /** Cancels at most once; where there is nothing it plants the tombstone of the key it was given. */
  abstract cancel(key: string, request: CancellationRequest): Promise<CancellationAnswer>;
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

/** Printable: it becomes a row, and one that could never be written would keep its parcel from ever being booked. */
const word = z.string().regex(/^[\x20-\x7e]{1,200}$/);
const booked = z.object({ shipmentId: word, trackingNumber: word });
const held = z.object({ bookingId: word });
const cancellation = z.object({ status: z.enum(['cancelled', 'nothing-to-cancel']) });
const refusal = z.object({ code: z.string().regex(/^[a-z0-9-]{1,60}$/) });

/** The carrier over HTTP. Bookings, dispatches and cancellations have a breaker each: one that fails must not stop the
 *  others. */
export class HttpCarrier extends Carrier {
  private readonly client: ProviderClient;
  private readonly bookings: CircuitBreaker<[Call], ProviderAnswer>;
  private readonly dispatches: CircuitBreaker<[Call], ProviderAnswer>;
  private readonly cancellations: CircuitBreaker<[Call], ProviderAnswer>;

  constructor({ url, timeoutMs, circuit }: ProviderOptions) {
    super();
    this.client = new ProviderClient({ baseUrl: url, timeoutMs });
    const call = ({ path, key, body }: Call): Promise<ProviderAnswer> =>
      this.client.post(path, body, { idempotencyKey: key });
    this.bookings = new CircuitBreaker('carrier-bookings', call, circuit);
    this.dispatches = new CircuitBreaker('carrier-dispatches', call, circuit);
    this.cancellations = new CircuitBreaker('carrier-cancellations', call, circuit);
  }

  /** What stops the calls when nobody answers. */
  get circuits(): readonly CircuitBreaker<[Call], ProviderAnswer>[] {
    return [this.bookings, this.dispatches, this.cancellations];
  }

  async ship(key: string, request: ShipmentRequest): Promise<ShipmentAnswer> {
    const body = bodyOf(request);
    return shipment(await this.bookings.call({ path: '/carrier/shipments', key, body }), key);
  }

  async hold(key: string, request: ShipmentRequest): Promise<HoldAnswer> {
    const answer = await this.bookings.call({ path: '/carrier/bookings', key, body: bodyOf(request) });
    if (answer.status !== 201) return refusedBy(answer, key);
    return { status: 'held', bookingId: understood(held, answer, key).bookingId };
  }

  async dispatch(key: string, body: DispatchRequest): Promise<ShipmentAnswer> {
    return shipment(await this.dispatches.call({ path: '/carrier/confirmations', key, body }), key);
  }

  async cancel(key: string, body: CancellationRequest): Promise<CancellationAnswer> {
    const answer = await this.cancellations.call({ path: '/carrier/cancellations', key, body });
    if (answer.status !== 200 && answer.status !== 201) return refusedBy(answer, key);
    return { status: understood(cancellation, answer, key).status };
  }

  async stop(): Promise<void> {
    this.bookings.shutdown();
    this.dispatches.shutdown();
    this.cancellations.shutdown();
    await this.client.stop();
  }
}

function bodyOf({ shipTo, parcels, reference }: ShipmentRequest): Readonly<Record<string, unknown>> {
  return { ...shipTo, parcels, reference };
}

function shipment(answer: ProviderAnswer, key: string): ShipmentAnswer {
  if (answer.status !== 201) return refusedBy(answer, key);
  const { shipmentId, trackingNumber } = understood(booked, answer, key);
  return { status: 'booked', shipmentId, trackingNumber };
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
