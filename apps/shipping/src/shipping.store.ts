/**
 * Shipments in Postgres: how each stands, and the append-only log of what was done, both written with the commit of the
 * batch that settles them. It never sees a name or a street.
 */
import assert from 'node:assert/strict';
import { PostgresTx, statement } from '@sagamore/postgres';
import { Database, type Tx } from '@sagamore/runtime';
import {
  movesOfBookings,
  movesOfCancellations,
  movesOfHolds,
  movesProvenBy,
  type Booking,
  type Cancellation,
  type ShipmentMove,
  type ShipmentWork,
} from './shipping.js';

/** A shipment as it stands. Without an id while it is only held, and when the carrier's answer was never seen. */
export interface Shipment {
  readonly transactionId: string;
  readonly branchId: string;
  readonly shipmentId: string | null;
  readonly trackingNumber: string | null;
  readonly status: 'held' | 'booked' | 'cancelled';
}

const bookShipments = statement(
  'shipment-book',
  `insert into shipment (transaction_id, branch_id, shipment_id, tracking_number, status)
   select transaction_id, branch_id, shipment_id, tracking_number, 'booked'
   from unnest($1::text[], $2::text[], $3::text[], $4::text[])
     as given (transaction_id, branch_id, shipment_id, tracking_number)`,
);

const holdShipments = statement(
  'shipment-hold',
  `insert into shipment (transaction_id, branch_id, status)
   select transaction_id, branch_id, 'held' from unnest($1::text[], $2::text[]) as given (transaction_id, branch_id)`,
);

const dispatchShipments = statement(
  'shipment-dispatch',
  `update shipment set status = 'booked', shipment_id = given.shipment_id, tracking_number = given.tracking_number,
     booked_at = clock_timestamp()
   from unnest($1::text[], $2::text[], $3::text[], $4::text[])
     as given (transaction_id, branch_id, shipment_id, tracking_number)
   where shipment.transaction_id = given.transaction_id and shipment.branch_id = given.branch_id and status = 'held'`,
);

const cancelShipments = statement(
  'shipment-cancel',
  `insert into shipment (transaction_id, branch_id, shipment_id, tracking_number, status, cancelled_at)
   select transaction_id, branch_id, shipment_id, tracking_number, 'cancelled', clock_timestamp()
   from unnest($1::text[], $2::text[], $3::text[], $4::text[])
     as given (transaction_id, branch_id, shipment_id, tracking_number)
   order by transaction_id, branch_id
   on conflict (transaction_id, branch_id) do update set status = 'cancelled', cancelled_at = clock_timestamp()`,
);

const moveColumns = 'operation_id, transaction_id, branch_id, kind';
const givenMoves = 'unnest($1::text[], $2::text[], $3::text[], $4::text[])';

const appendMoves = statement(
  'shipment-move-append',
  `insert into shipment_move (${moveColumns}) select * from ${givenMoves}`,
);

const appendMissingMoves = statement(
  'shipment-move-append-missing',
  `insert into shipment_move (${moveColumns}) select * from ${givenMoves} on conflict (operation_id) do nothing`,
);

const readShipments = statement(
  'shipment-read',
  `select transaction_id as "transactionId", branch_id as "branchId", shipment_id as "shipmentId",
     tracking_number as "trackingNumber", status
   from shipment where transaction_id = $1 order by branch_id`,
);

/** The shipments of one shipping service. */
export class ShipmentStore {
  constructor(private readonly database: Database) {}

  /** Books new shipments with the commit of `tx`; one that stands there already makes it fail with `DATA_REJECTED`. */
  book(tx: Tx, bookings: readonly Booking[]): void {
    if (bookings.length === 0) return;
    postgres(tx).last(bookShipments, shipmentValues(bookings));
    postgres(tx).last(appendMoves, moveValues(movesOfBookings(bookings)));
  }

  /** Books held places with the commit of `tx`; one that stands there already makes it fail with `DATA_REJECTED`. */
  hold(tx: Tx, holds: readonly ShipmentWork[]): void {
    if (holds.length === 0) return;
    postgres(tx).last(holdShipments, [
      holds.map(({ transactionId }) => transactionId),
      holds.map(({ branchId }) => branchId),
    ]);
    postgres(tx).last(appendMoves, moveValues(movesOfHolds(holds)));
  }

  /** Makes held places shipments with the commit of `tx`, each once. */
  dispatch(tx: Tx, bookings: readonly Booking[]): void {
    if (bookings.length === 0) return;
    postgres(tx).last(dispatchShipments, shipmentValues(bookings));
    postgres(tx).last(appendMoves, moveValues(movesOfBookings(bookings)));
  }

  /** Books cancellations with the commit of `tx`. A booking that was never booked here, because a crash came between the
   *  carrier's yes and our books, is booked with it: no cancellation stands without its booking (I13). */
  cancel(tx: Tx, cancellations: readonly Cancellation[]): void {
    if (cancellations.length === 0) return;
    postgres(tx).last(cancelShipments, shipmentValues(cancellations));
    postgres(tx).last(appendMissingMoves, moveValues(movesProvenBy(cancellations)));
    postgres(tx).last(appendMoves, moveValues(movesOfCancellations(cancellations)));
  }

  /** The shipments of one transaction. */
  async of(transactionId: string): Promise<readonly Shipment[]> {
    return this.database.transaction((tx) => postgres(tx).query<Shipment>(readShipments, [transactionId]));
  }
}

function shipmentValues(shipments: readonly (Booking | Cancellation)[]): readonly unknown[] {
  return [
    shipments.map(({ transactionId }) => transactionId),
    shipments.map(({ branchId }) => branchId),
    shipments.map(({ shipmentId }) => shipmentId ?? null),
    shipments.map(({ trackingNumber }) => trackingNumber ?? null),
  ];
}

function moveValues(moves: readonly ShipmentMove[]): readonly unknown[] {
  return [
    moves.map(({ operationId }) => operationId),
    moves.map(({ transactionId }) => transactionId),
    moves.map(({ branchId }) => branchId),
    moves.map(({ kind }) => kind),
  ];
}

function postgres(tx: Tx): PostgresTx {
  assert(
    tx instanceof PostgresTx,
    'shipments are kept in Postgres: a transaction of its database was wanted',
  );
  return tx;
}
