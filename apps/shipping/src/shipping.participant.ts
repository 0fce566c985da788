/**
 * Shipping's part in a transaction: book a parcel with the carrier, or cancel it. The call runs outside any database
 * transaction (R7 to R9); what came of it is booked in a batch, together with the barrier rows.
 */
import { refused, succeeded, type Reply } from '@sagamore/engine';
import { createShipment } from '@sagamore/contracts';
import { Calls, CallsUndo, Participant, Records, RecordsUndo, type CallContext } from '@sagamore/platform';
import type { CommandOf, ReplyOf, SettledOf, SettledUndoOf, Tx, UndoOf } from '@sagamore/runtime';
import { Carrier } from './carrier.client.js';
import type { Cancellation } from './shipping.js';
import { ShipmentStore } from './shipping.store.js';

type Create = typeof createShipment;

@Participant('shipping')
export class ShippingParticipant {
  constructor(
    private readonly carrier: Carrier,
    private readonly shipments: ShipmentStore,
  ) {}

  @Calls(createShipment)
  async create({ payload }: CommandOf<Create>, { providerKey }: CallContext): Promise<ReplyOf<Create>> {
    const { shipTo, lines, orderId: reference } = payload;
    const parcels = lines.length;
    const answer = await this.carrier.ship(providerKey, { shipTo, parcels, reference });
    if (answer.status === 'refused') return refused(answer.code);
    return succeeded({ shipmentId: answer.shipmentId, trackingNumber: answer.trackingNumber });
  }

  @Records(createShipment)
  async book(settled: readonly SettledOf<Create>[], tx: Tx): Promise<void> {
    const bookings = settled.map(({ command: { transactionId, branchId, operationId }, reply }) => ({
      transactionId,
      branchId,
      operationId,
      ...reply.output,
    }));
    this.shipments.book(tx, bookings);
  }

  /** By the shipment's key, known or not: where the carrier finds no shipment it plants a tombstone (R8). */
  @CallsUndo(createShipment)
  async cancel({ payload }: UndoOf<Create>, { providerKey }: CallContext): Promise<Reply> {
    const request = { shipmentKey: providerKey, reference: payload.input.orderId };
    const answer = await this.carrier.cancel(`${providerKey}/cancel`, request);
    if (answer.status === 'refused') return refused(answer.code);
    return answer.status === 'cancelled' ? succeeded({}) : { outcome: 'succeeded', output: {}, empty: true };
  }

  @RecordsUndo(createShipment)
  async bookCancellation(settled: readonly SettledUndoOf<Create>[], tx: Tx): Promise<void> {
    const cancelled = settled.filter(({ reply }) => reply.empty !== true);
    this.shipments.cancel(tx, cancelled.map(cancellationOf));
  }
}

function cancellationOf({ command }: SettledUndoOf<Create>): Cancellation {
  const { transactionId, branchId, operationId, settledOperationId: bookingOperationId, payload } = command;
  return { transactionId, branchId, operationId, of: 'shipment', bookingOperationId, ...payload.output };
}
