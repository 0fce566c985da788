/**
 * Shipping's part where a place is held first: hold it before the vote, or in the try, then dispatch the parcel or let the
 * place go as was decided (R21). The call runs outside any database transaction (R7 to R9); what came of it is booked in a
 * batch, together with the barrier rows.
 */
import { holdShipment } from '@sagamore/contracts';
import { refused, succeeded, type Reply } from '@sagamore/engine';
import {
  Calls,
  CallsConfirm,
  CallsUndo,
  Participant,
  Records,
  RecordsConfirm,
  RecordsUndo,
  type CallContext,
} from '@sagamore/platform';
import type {
  CommandOf,
  ConfirmationOf,
  HandledCommand,
  ReplyOf,
  SettledConfirmationOf,
  SettledOf,
  SettledUndoOf,
  Tx,
  UndoOf,
} from '@sagamore/runtime';
import { z } from 'zod';
import { Carrier } from './carrier.client.js';
import type { Cancellation, ShipmentWork } from './shipping.js';
import { ShipmentStore } from './shipping.store.js';

type Hold = typeof holdShipment;

/** What `dispatch` answers, and `bookDispatch` reads again. */
const dispatched = z.object({ shipmentId: z.string(), trackingNumber: z.string() });

@Participant('shipping')
export class ShippingHoldParticipant {
  constructor(
    private readonly carrier: Carrier,
    private readonly shipments: ShipmentStore,
  ) {}

  @Calls(holdShipment)
  async hold({ payload }: CommandOf<Hold>, { providerKey }: CallContext): Promise<ReplyOf<Hold>> {
    const { shipTo, lines, orderId: reference } = payload;
    const answer = await this.carrier.hold(providerKey, { shipTo, parcels: lines.length, reference });
    return answer.status === 'held' ? succeeded({ bookingId: answer.bookingId }) : refused(answer.code);
  }

  @Records(holdShipment)
  async bookHold(settled: readonly SettledOf<Hold>[], tx: Tx): Promise<void> {
    this.shipments.hold(
      tx,
      settled.map(({ command }) => workOf(command)),
    );
  }

  @CallsConfirm(holdShipment)
  async dispatch({ payload }: ConfirmationOf<Hold>, { providerKey }: CallContext): Promise<Reply> {
    const request = { bookingKey: providerKey, reference: payload.input.orderId };
    const answer = await this.carrier.dispatch(`${providerKey}/dispatch`, request);
    if (answer.status === 'refused') return refused(answer.code);
    return succeeded({ shipmentId: answer.shipmentId, trackingNumber: answer.trackingNumber });
  }

  @RecordsConfirm(holdShipment)
  async bookDispatch(settled: readonly SettledConfirmationOf<Hold>[], tx: Tx): Promise<void> {
    const bookings = settled.map(({ command, reply }) => ({
      ...workOf(command),
      ...dispatched.parse(reply.output),
    }));
    this.shipments.dispatch(tx, bookings);
  }

  /** By the hold's key, known or not: where the carrier finds nothing it plants a tombstone (R8). */
  @CallsUndo(holdShipment)
  async release({ payload }: UndoOf<Hold>, { providerKey }: CallContext): Promise<Reply> {
    const request = { bookingKey: providerKey, reference: payload.input.orderId };
    const answer = await this.carrier.cancel(`${providerKey}/cancel`, request);
    if (answer.status === 'refused') return refused(answer.code);
    return answer.status === 'cancelled' ? succeeded({}) : { outcome: 'succeeded', output: {}, empty: true };
  }

  @RecordsUndo(holdShipment)
  async bookRelease(settled: readonly SettledUndoOf<Hold>[], tx: Tx): Promise<void> {
    const released = settled.filter(({ reply }) => reply.empty !== true);
    this.shipments.cancel(tx, released.map(releaseOf));
  }
}

function workOf({ transactionId, branchId, operationId }: HandledCommand): ShipmentWork {
  return { transactionId, branchId, operationId };
}

function releaseOf({ command }: SettledUndoOf<Hold>): Cancellation {
  return { ...workOf(command), of: 'hold', bookingOperationId: command.settledOperationId };
}
