/**
 * A carrier: it ships and cancels, or books and confirms, each once a key. It serves every country but Antarctica.
 * Cancelling what is not there leaves a tombstone, so that a shipment still on its way is refused (R8).
 * Addresses are looked at and forgotten: its ledger knows keys and references alone.
 */
import { z } from 'zod';
import { Calls, idFrom, type Decision, type Reply } from './calls.js';
import type { LedgerPage, Line } from './ledger.js';

const key = z.string().min(1).max(200);
const reference = z.string().min(1).max(200);
const text = z.string().max(200).optional();

export const shipmentBody = z.object({
  reference,
  country: z.string().regex(/^[A-Z]{2}$/),
  postcode: z.string().min(1).max(20),
  parcels: z.int().min(1).max(1_000),
  name: text,
  street: text,
  city: text,
});
export const cancellationBody = z.union([
  z.object({ shipmentKey: key, reference }),
  z.object({ bookingKey: key, reference: reference.optional() }),
]);
export const confirmationBody = z.object({ bookingKey: key, reference: reference.optional() });

const carrierEntry = z.object({
  kind: z.enum(['shipment', 'cancellation', 'booking', 'confirmation', 'tombstone']),
  /** The idempotency key of the call; for a tombstone the key that it closes. */
  key: z.string(),
  /** What is cancelled, confirmed or closed. */
  parcel: z.object({ kind: z.enum(['shipment', 'booking']), key: z.string() }).optional(),
  reference: z.string(),
  /** ms of the carrier's own clock. */
  at: z.number(),
});

export type CarrierEntry = z.infer<typeof carrierEntry>;
type ParcelKind = 'shipment' | 'booking';

export interface CarrierSettings {
  /** How long the postcode SLOW takes, ms. Default 3 000. */
  readonly slowMs?: number;
}

interface Parcel {
  readonly entry: CarrierEntry;
  readonly cancelledBy?: string;
  readonly confirmedBy?: string;
}

export class Carrier {
  private readonly parcels = new Map<string, Parcel>();
  private readonly tombstones = new Set<string>();
  private readonly calls: Calls<CarrierEntry>;
  private readonly slowMs: number;

  constructor(options: {
    readonly settings: CarrierSettings;
    readonly file: string | undefined;
    readonly pause: (ms: number) => Promise<void>;
  }) {
    this.slowMs = options.settings.slowMs ?? 3_000;
    const { file, pause } = options;
    this.calls = new Calls({ file, pause, entry: carrierEntry, apply: (line) => this.apply(line) });
  }

  /** Ships or books at most once a key. 201, 422 `country-not-served`, 409 `voided` under a tombstone. */
  take(kind: ParcelKind, parcelKey: string, body: z.infer<typeof shipmentBody>): Promise<Reply> {
    const busyMs = body.postcode === 'SLOW' ? this.slowMs : 0;
    const decide = () => this.decideParcel(kind, parcelKey, body);
    return this.calls.perform({ operation: kind, key: parcelKey, body, busyMs, decide });
  }

  /** Cancels a shipment, a booking or a confirmed booking, at most once. */
  cancel(cancelKey: string, body: z.infer<typeof cancellationBody>): Promise<Reply> {
    const [kind, of] =
      'shipmentKey' in body
        ? (['shipment', body.shipmentKey] as const)
        : (['booking', body.bookingKey] as const);
    const decide = () => this.decideCancellation(cancelKey, { kind, of, reference: body.reference });
    return this.calls.perform({ operation: 'cancellation', key: cancelKey, body, busyMs: 0, decide });
  }

  /** Turns a booking into a shipment, at most once; 409 when it is cancelled or was never made. */
  confirm(confirmKey: string, body: z.infer<typeof confirmationBody>): Promise<Reply> {
    const decide = () => this.decideConfirmation(confirmKey, body.bookingKey);
    return this.calls.perform({ operation: 'confirmation', key: confirmKey, body, busyMs: 0, decide });
  }

  /** What became of a shipment or a booking. `undefined`: never heard of it. */
  probe(kind: ParcelKind, parcelKey: string): Readonly<Record<string, unknown>> | undefined {
    const parcel = this.parcels.get(name(kind, parcelKey));
    if (parcel !== undefined) return { ...answerFor(kind, parcelKey), status: statusOf(kind, parcel) };
    if (this.tombstones.has(name(kind, parcelKey))) return { status: 'voided' };
    return this.calls.isRunning(kind, parcelKey) ? { status: 'in-flight' } : undefined;
  }

  ledger(after: number, limit: number): LedgerPage<CarrierEntry> {
    return this.calls.page(after, limit);
  }

  close(): void {
    this.calls.close();
  }

  private decideParcel(
    kind: ParcelKind,
    parcelKey: string,
    body: z.infer<typeof shipmentBody>,
  ): Decision<CarrierEntry> {
    if (this.tombstones.has(name(kind, parcelKey))) return refused(409, 'voided');
    if (body.country === 'AQ') return refused(422, 'country-not-served');
    const entry: CarrierEntry = { kind, key: parcelKey, reference: body.reference, at: Date.now() };
    return { answer: { status: 201, body: answerFor(kind, parcelKey) }, entry };
  }

  private decideCancellation(
    cancelKey: string,
    {
      kind,
      of,
      reference: why = of,
    }: { readonly kind: ParcelKind; readonly of: string; readonly reference: string | undefined },
  ): Decision<CarrierEntry> {
    const parcel = this.parcels.get(name(kind, of));
    const at = Date.now();
    if (parcel !== undefined) {
      const body = { cancellationId: idFrom('cx', parcel.cancelledBy ?? cancelKey), status: 'cancelled' };
      const answer = { status: 200, body };
      if (parcel.cancelledBy !== undefined) return { answer };
      return {
        answer,
        entry: { kind: 'cancellation', key: cancelKey, parcel: { kind, key: of }, reference: why, at },
      };
    }
    const answer = { status: 200, body: { status: 'nothing-to-cancel' } };
    if (this.tombstones.has(name(kind, of))) return { answer };
    return { answer, entry: { kind: 'tombstone', key: of, parcel: { kind, key: of }, reference: why, at } };
  }

  private decideConfirmation(confirmKey: string, of: string): Decision<CarrierEntry> {
    const booking = this.parcels.get(name('booking', of));
    if (this.tombstones.has(name('booking', of)) || booking?.cancelledBy !== undefined)
      return refused(409, 'voided');
    // Not kept: the booking may still be on its way.
    if (booking === undefined) return { ...refused(409, 'not-booked'), kept: false };
    const answer = { status: 201, body: answerFor('shipment', of) };
    if (booking.confirmedBy !== undefined) return { answer };
    const { reference: why } = booking.entry;
    return {
      answer,
      entry: {
        kind: 'confirmation',
        key: confirmKey,
        parcel: { kind: 'booking', key: of },
        reference: why,
        at: Date.now(),
      },
    };
  }

  private apply({ entry }: Line<CarrierEntry>): void {
    if (entry === undefined) return;
    const { kind, key: entryKey, parcel } = entry;
    if (kind === 'shipment' || kind === 'booking') {
      this.parcels.set(name(kind, entryKey), { entry });
      return;
    }
    if (parcel === undefined) return;
    const changed = name(parcel.kind, parcel.key);
    const before = this.parcels.get(changed);
    if (kind === 'tombstone') this.tombstones.add(changed);
    else if (before !== undefined) this.parcels.set(changed, { ...before, [endNames[kind]]: entryKey });
  }
}

const endNames = { cancellation: 'cancelledBy', confirmation: 'confirmedBy' } as const;

function answerFor(kind: ParcelKind, parcelKey: string): Readonly<Record<string, unknown>> {
  if (kind === 'booking') return { bookingId: idFrom('bo', parcelKey), status: 'booked' };
  return { shipmentId: idFrom('sh', parcelKey), trackingNumber: idFrom('TRK', parcelKey).toUpperCase() };
}

function statusOf(kind: ParcelKind, { cancelledBy, confirmedBy }: Parcel): string {
  if (cancelledBy !== undefined) return 'cancelled';
  if (confirmedBy !== undefined) return 'confirmed';
  return kind === 'booking' ? 'booked' : 'shipped';
}

function name(kind: string, parcelKey: string): string {
  return `${kind} ${parcelKey}`;
}

function refused(status: number, code: string): { readonly answer: Decision<CarrierEntry>['answer'] } {
  return { answer: { status, body: { code } } };
}
