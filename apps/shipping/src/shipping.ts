/**
 * The rules of a shipment: it is created once and cancelled at most once, and it is cancelled only after it was created.
 * Or a place is held first, and then becomes the shipment or is released (R21).
 * Pure: from what the carrier answered it says which rows stand and which moves are to be logged. No address comes here:
 * only the carrier needs it.
 */

/** One line of the append-only log of shipments. */
export interface ShipmentMove {
  readonly operationId: string;
  readonly transactionId: string;
  readonly branchId: string;
  readonly kind: 'created' | 'cancelled' | 'held' | 'released';
}

/** Which branch of which transaction a shipment belongs to, and what was done to it. */
export interface ShipmentWork {
  readonly transactionId: string;
  readonly branchId: string;
  readonly operationId: string;
}

/** A shipment that the carrier has booked. */
export interface Booking extends ShipmentWork {
  readonly shipmentId: string;
  readonly trackingNumber: string;
}

/** A shipment that the carrier has cancelled, or a place that it has let go. What it was called is known only when its
 *  booking was answered. */
export interface Cancellation extends ShipmentWork {
  readonly of: 'shipment' | 'hold';
  /** Names the booking or the hold that is undone, whether it was ever recorded or not. */
  readonly bookingOperationId: string;
  readonly shipmentId?: string;
  readonly trackingNumber?: string;
}

export function movesOfBookings(bookings: readonly Booking[]): readonly ShipmentMove[] {
  return bookings.map((booking) => moveOf(booking, booking.operationId, 'created'));
}

export function movesOfHolds(holds: readonly ShipmentWork[]): readonly ShipmentMove[] {
  return holds.map((hold) => moveOf(hold, hold.operationId, 'held'));
}

/** What cancellations prove to have been done: to be logged where a crash kept them from the log. */
export function movesProvenBy(cancellations: readonly Cancellation[]): readonly ShipmentMove[] {
  return cancellations.map((cancellation) =>
    moveOf(cancellation, cancellation.bookingOperationId, cancellation.of === 'hold' ? 'held' : 'created'),
  );
}

export function movesOfCancellations(cancellations: readonly Cancellation[]): readonly ShipmentMove[] {
  return cancellations.map((cancellation) =>
    moveOf(cancellation, cancellation.operationId, cancellation.of === 'hold' ? 'released' : 'cancelled'),
  );
}

function moveOf(
  { transactionId, branchId }: ShipmentWork,
  operationId: string,
  kind: ShipmentMove['kind'],
): ShipmentMove {
  return { operationId, transactionId, branchId, kind };
}
