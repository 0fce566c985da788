/**
 * Goal: shipping books once and cancels once, whatever comes twice or in the wrong order, and keeps no address.
 * Method: the real module on a real database and a carrier in memory that keeps keys and tombstones as the real one does;
 * the bus alone is in memory.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createShipment } from '@sagamore/contracts';
import { openDataSource, PostgresDatabase, statement } from '@sagamore/postgres';
import { uuidv7 } from '@sagamore/primitives';
import { askedParticipant, type AskedParticipant, type Question } from '../../../test/support/participant.js';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import {
  Carrier,
  type CancellationAnswer,
  type CancellationRequest,
  type ShipmentAnswer,
  type ShipmentRequest,
} from './carrier.client.js';
import { ShippingModule } from './shipping.module.js';
import { ShipmentStore } from './shipping.store.js';

class RememberingCarrier extends Carrier {
  readonly booked = new Set<string>();
  private readonly tombstones = new Set<string>();

  async ship(key: string, { shipTo }: ShipmentRequest): Promise<ShipmentAnswer> {
    if (shipTo.country === 'AQ') return { status: 'refused', code: 'country-not-served' };
    if (this.tombstones.has(key)) return { status: 'refused', code: 'voided' };
    this.booked.add(key);
    return { status: 'booked', shipmentId: `sh-${key}`, trackingNumber: `T-${key}` };
  }

  async cancel(_key: string, request: CancellationRequest): Promise<CancellationAnswer> {
    const key = 'shipmentKey' in request ? request.shipmentKey : request.bookingKey;
    if (this.booked.delete(key)) return { status: 'cancelled' };
    this.tombstones.add(key);
    return { status: 'nothing-to-cancel' };
  }

  /** Nothing is held in this file. */
  hold(): Promise<never> {
    return Promise.reject(new Error('no hold was expected'));
  }

  dispatch(): Promise<never> {
    return Promise.reject(new Error('no dispatch was expected'));
  }

  async stop(): Promise<void> {}
}

// `to_jsonb` shows every column, so a new one that keeps an address would be seen too.
const everyRow = statement(
  'test-every-row',
  'select to_jsonb(shipment)::text as row from shipment union all select to_jsonb(shipment_move)::text from shipment_move',
);

describe('the shipping service', () => {
  const carrier = new RememberingCarrier();
  let server: TestPostgres;
  let shipping: AskedParticipant;
  let database: PostgresDatabase;

  beforeAll(async () => {
    server = await testPostgres();
    const databaseUrl = await server.freshDatabase();
    shipping = await askedParticipant({
      service: 'shipping',
      module: (host) => ShippingModule.forRoot(host, { carrier }),
      databaseUrl,
    });
    database = await PostgresDatabase.open(await openDataSource({ url: databaseUrl, poolSize: 2 }));
  }, 60_000);

  afterAll(async () => {
    await database.dataSource.destroy();
    await shipping.stop();
    await server.stop();
  });

  function shipmentOf(country = 'GB'): Question {
    const transactionId = uuidv7(Date.now());
    const shipTo = {
      name: 'Ada Lovelace',
      street: 'Analytical Row 1',
      city: 'London',
      postcode: 'N1',
      country,
    };
    const payload = { orderId: transactionId, shipTo, lines: [{ sku: 'MOKA-POT-6', quantity: 1 }] };
    return { operation: createShipment, transactionId, payload };
  }

  function undoOf({ payload, ...question }: Question): Question {
    return { ...question, half: 'compensation', payload: { input: payload, outcome: 'unknown' } };
  }

  async function statusesOf({ transactionId }: Question): Promise<readonly string[]> {
    return (await new ShipmentStore(database).of(transactionId)).map(({ status }) => status);
  }

  test('a shipment is booked with the carrier and answered with what to track', async () => {
    const question = shipmentOf();
    const key = `${question.transactionId}/${createShipment.action}`;
    const output = { shipmentId: `sh-${key}`, trackingNumber: `T-${key}` };
    expect(await shipping.ask([question])).toEqual([{ outcome: 'succeeded', output }]);
    expect(await statusesOf(question)).toEqual(['booked']);
  });

  test('S1: a booking that is asked for again is answered the same and stands once', async () => {
    const question = shipmentOf();
    const first = await shipping.ask([question]);
    expect(await shipping.ask([{ ...question, attempt: 2 }])).toEqual(first);
    expect(await statusesOf(question)).toEqual(['booked']);
  });

  test('a country that is not served is refused, and nothing is written', async () => {
    const question = shipmentOf('AQ');
    expect(await shipping.ask([question])).toEqual([
      { outcome: 'refused', refusal: { code: 'country-not-served' } },
    ]);
    expect(await statusesOf(question)).toEqual([]);
  });

  test('an undo cancels the shipment, and only once', async () => {
    const question = shipmentOf();
    await shipping.ask([question]);
    const first = await shipping.ask([undoOf(question)]);
    expect(first).toEqual([{ outcome: 'succeeded', output: {} }]);
    expect(await shipping.ask([{ ...undoOf(question), attempt: 2 }])).toEqual(first);
    expect(await statusesOf(question)).toEqual(['cancelled']);
    expect(carrier.booked.has(`${question.transactionId}/${createShipment.action}`)).toBe(false);
  });

  test('R8: an undo before its action is empty, and the action behind it books nothing', async () => {
    const question = shipmentOf();
    expect(await shipping.ask([undoOf(question)])).toMatchObject([{ outcome: 'succeeded', empty: true }]);
    expect(await shipping.ask([question])).toMatchObject([{ outcome: 'refused' }]);
    expect(await statusesOf(question)).toEqual([]);
  });

  test('no shipment and no move keeps a name or a street', async () => {
    await shipping.ask([shipmentOf()]);
    const rows = await database.read<{ row: string }>(everyRow);
    expect(rows.length).toBeGreaterThan(0);
    for (const { row } of rows) expect(row).not.toMatch(/Lovelace|Analytical/);
  });
});
