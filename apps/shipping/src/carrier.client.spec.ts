/**
 * Goal: every answer a carrier can give is read rightly: as a yes, as a no, or as an outcome that is not known.
 * Method: the HTTP client against a server on loopback that answers what each test tells it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { HttpCarrier } from './carrier.client.js';

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

const shipTo = { name: 'Ada L.', street: 'Analytical Row 1', city: 'London', postcode: 'N1', country: 'GB' };

describe('the carrier over HTTP', () => {
  let server: Server;
  let carrier: HttpCarrier;
  let answer: Answer;
  let seen: unknown[];

  beforeEach(async () => {
    seen = [];
    server = createServer((request, response) => void respond(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    carrier = new HttpCarrier({ url: `http://127.0.0.1:${port}`, timeoutMs: 2_000 });
  });

  afterEach(async () => {
    await carrier.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    seen.push([request.url, request.headers['idempotency-key'], JSON.parse(text)]);
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer.body ?? {}));
  }

  const ship = () => carrier.ship('tx/ship', { shipTo, parcels: 2, reference: 'order-1' });
  const cancel = () => carrier.cancel('tx/ship/cancel', { shipmentKey: 'tx/ship', reference: 'order-1' });

  test('R7: a booking carries its key and is answered with what to track', async () => {
    answer = { status: 201, body: { shipmentId: 'sh_1', trackingNumber: 'T1', status: 'booked' } };
    expect(await ship()).toEqual({ status: 'booked', shipmentId: 'sh_1', trackingNumber: 'T1' });
    const body = { ...shipTo, parcels: 2, reference: 'order-1' };
    expect(seen).toEqual([['/carrier/shipments', 'tx/ship', body]]);
  });

  test.each([
    [422, { code: 'country-not-served' }, 'country-not-served'],
    [422, { message: 'no' }, 'provider-rejected'],
    [409, { code: 'voided' }, 'voided'],
  ])('status %i with %j is a no with the word %s', async (status, body, code) => {
    answer = { status, body };
    expect(await ship()).toEqual({ status: 'refused', code });
  });

  test.each([
    ['an error of theirs', { status: 503 }, 'PROVIDER_UNAVAILABLE'],
    ['the same key being worked on', { status: 409, body: { code: 'in-flight' } }, 'PROVIDER_UNAVAILABLE'],
    [
      'B75: a yes that names no shipment',
      { status: 201, body: { trackingNumber: 'T1' } },
      'PROVIDER_REJECTED',
    ],
  ])('%s leaves the outcome unknown, to be asked again', async (_name, given, code) => {
    answer = given;
    await expect(ship()).rejects.toMatchObject({ code, retryable: true });
  });

  test('I07: a key that stands for another request is no answer: the parcel may be on its way, so it is not a no', async () => {
    answer = { status: 422, body: { code: 'key-reused' } };
    await expect(ship()).rejects.toMatchObject({ code: 'PROVIDER_REJECTED', retryable: false });
  });

  test('B75: a name that no row could keep is not believed', async () => {
    answer = { status: 201, body: { shipmentId: 'sh_\u0000', trackingNumber: 'T1' } };
    await expect(ship()).rejects.toMatchObject({ code: 'PROVIDER_REJECTED', retryable: true });
  });

  test('R8: a cancellation names the shipment by its key and may find nothing', async () => {
    answer = { status: 200, body: { status: 'cancelled' } };
    expect(await cancel()).toEqual({ status: 'cancelled' });
    answer = { status: 200, body: { status: 'nothing-to-cancel' } };
    expect(await cancel()).toEqual({ status: 'nothing-to-cancel' });
    const body = { shipmentKey: 'tx/ship', reference: 'order-1' };
    expect(seen[0]).toEqual(['/carrier/cancellations', 'tx/ship/cancel', body]);
  });

  test('no fault repeats the address', async () => {
    answer = { status: 503 };
    const fault = await ship().catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Error);
    for (const secret of Object.values(shipTo)) {
      expect(fault instanceof Error ? fault.message : secret).not.toContain(secret);
    }
  });
});
