/**
 * The rules of a shipment: it is created once and cancelled at most once, and it is cancelled only after it was created.
 * Pure: from what the carrier answered it says which rows stand and which moves are to be logged. No address comes here:
 * only the carrier needs it.
 */

/** One line of the append-only log of shipments. */
export interface ShipmentMove {
  readonly operationId: string;
  readonly transactionId: string;
  readonly branchId: string;
  readonly kind: 'created' | 'cancelled';
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

/** A shipment that the carrier has cancelled. What it was called is known only when its booking was answered. */
export interface Cancellation extends ShipmentWork {
  /** Names the booking that is undone, whether it was ever recorded or not. */
  readonly bookingOperationId: string;
  readonly shipmentId?: string;
  readonly trackingNumber?: string;
}

export function movesOfBookings(bookings: readonly Booking[]): readonly ShipmentMove[] {
  return bookings.map((booking) => moveOf(booking, booking.operationId, 'created'));
}

/** The bookings that cancellations prove: to be logged where a crash kept them from the log. */
export function movesProvenBy(cancellations: readonly Cancellation[]): readonly ShipmentMove[] {
  return cancellations.map((cancellation) =>
    moveOf(cancellation, cancellation.bookingOperationId, 'created'),
  );
}

export function movesOfCancellations(cancellations: readonly Cancellation[]): readonly ShipmentMove[] {
  return cancellations.map((cancellation) => moveOf(cancellation, cancellation.operationId, 'cancelled'));
}

function moveOf(
  { transactionId, branchId }: ShipmentWork,
  operationId: string,
  kind: ShipmentMove['kind'],
): ShipmentMove {
  return { operationId, transactionId, branchId, kind };
}
