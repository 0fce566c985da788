/**
 * Goal: a shipment stands once, is cancelled at most once, and every effect is in the log.
 * Method: the store on the real database.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openDataSource, PostgresDatabase, statement } from '@sagamore/postgres';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { Shipment1800000000000 } from './migrations/1800000000000-shipment.js';
import { ShipmentHold1800000100000 } from './migrations/1800000100000-shipment-hold.js';
import type { Booking, Cancellation } from './shipping.js';
import { ShipmentStore } from './shipping.store.js';

const movesOf = statement(
  'test-moves',
  'select operation_id, kind from shipment_move where transaction_id = $1 order by kind desc',
);

describe('shipments in Postgres', () => {
  let server: TestPostgres;
  let database: PostgresDatabase;
  let shipments: ShipmentStore;

  beforeAll(async () => {
    server = await testPostgres();
    const url = await server.freshDatabase();
    const source = await openDataSource({
      url,
      migrations: [Shipment1800000000000, ShipmentHold1800000100000],
    });
    await source.runMigrations();
    database = await PostgresDatabase.open(source);
    shipments = new ShipmentStore(database);
  }, 60_000);

  afterAll(async () => {
    await database.dataSource.destroy();
    await server.stop();
  });

  function booking(transactionId: string): Booking {
    const operationId = `${transactionId}/ship/action`;
    return {
      transactionId,
      branchId: 'ship',
      operationId,
      shipmentId: `sh-${transactionId}`,
      trackingNumber: 'T1',
    };
  }

  function cancellation(transactionId: string): Cancellation {
    const operationId = `${transactionId}/ship/compensation`;
    return {
      transactionId,
      branchId: 'ship',
      operationId,
      of: 'shipment',
      bookingOperationId: `${transactionId}/ship/action`,
    };
  }

  const book = (...bookings: readonly Booking[]): Promise<void> =>
    database.transaction(async (tx) => shipments.book(tx, bookings));
  const cancel = (...cancellations: readonly Cancellation[]): Promise<void> =>
    database.transaction(async (tx) => shipments.cancel(tx, cancellations));

  test('a batch of bookings stands, each with its move', async () => {
    await book(booking('a'), booking('b'));
    expect(await shipments.of('a')).toEqual([
      { transactionId: 'a', branchId: 'ship', shipmentId: 'sh-a', trackingNumber: 'T1', status: 'booked' },
    ]);
    expect(await database.read(movesOf, ['b'])).toEqual([{ operation_id: 'b/ship/action', kind: 'created' }]);
  });

  test('a cancellation keeps what the shipment was called and adds its move', async () => {
    await book(booking('c'));
    await cancel(cancellation('c'));
    expect(await shipments.of('c')).toMatchObject([
      { shipmentId: 'sh-c', trackingNumber: 'T1', status: 'cancelled' },
    ]);
    expect(await database.read(movesOf, ['c'])).toEqual([
      { operation_id: 'c/ship/action', kind: 'created' },
      { operation_id: 'c/ship/compensation', kind: 'cancelled' },
    ]);
  });

  test('I13: a cancellation of a booking that a crash kept from the books books both', async () => {
    await cancel(cancellation('d'));
    expect(await shipments.of('d')).toMatchObject([{ shipmentId: null, status: 'cancelled' }]);
    expect(await database.read(movesOf, ['d'])).toHaveLength(2);
  });

  const held = (transactionId: string) => ({
    transactionId,
    branchId: 'ship',
    operationId: `${transactionId}/ship/try`,
  });
  const release = (transactionId: string): Cancellation => ({
    ...held(transactionId),
    operationId: `${transactionId}/ship/cancel`,
    of: 'hold',
    bookingOperationId: `${transactionId}/ship/try`,
  });

  test('R21: a held place has no number yet, and becomes the shipment it was held for', async () => {
    await database.transaction(async (tx) => shipments.hold(tx, [held('h')]));
    expect(await shipments.of('h')).toMatchObject([{ shipmentId: null, status: 'held' }]);
    const dispatched = { ...booking('h'), operationId: 'h/ship/confirm' };
    await database.transaction(async (tx) => shipments.dispatch(tx, [dispatched]));
    expect(await shipments.of('h')).toMatchObject([{ shipmentId: 'sh-h', status: 'booked' }]);
    expect(await database.read(movesOf, ['h'])).toEqual([
      { operation_id: 'h/ship/try', kind: 'held' },
      { operation_id: 'h/ship/confirm', kind: 'created' },
    ]);
  });

  test('I13: a place that is let go leaves its hold in the log, also one that a crash kept from it', async () => {
    await database.transaction(async (tx) => shipments.hold(tx, [held('i')]));
    await cancel(release('i'), release('j'));
    for (const name of ['i', 'j']) {
      expect(await shipments.of(name)).toMatchObject([{ shipmentId: null, status: 'cancelled' }]);
      expect(await database.read(movesOf, [name])).toEqual([
        { operation_id: `${name}/ship/cancel`, kind: 'released' },
        { operation_id: `${name}/ship/try`, kind: 'held' },
      ]);
    }
  });

  test('I12: neither a booking nor a cancellation takes effect twice', async () => {
    await book(booking('e'));
    await expect(book(booking('e'))).rejects.toMatchObject({ code: 'DATA_REJECTED' });
    await cancel(cancellation('e'));
    await expect(cancel(cancellation('e'))).rejects.toMatchObject({ code: 'DATA_REJECTED' });
    expect(await database.read(movesOf, ['e'])).toHaveLength(2);
  });
});
