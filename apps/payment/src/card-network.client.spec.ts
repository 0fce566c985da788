/**
 * Goal: every answer a card network can give is read rightly: as a yes, as a no, or as an outcome that is not known.
 * Method: the HTTP client against a server on loopback that answers what each test tells it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { HttpCardNetwork } from './card-network.client.js';

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

interface Seen {
  readonly url: string | undefined;
  readonly key: string | string[] | undefined;
  readonly body: unknown;
}

describe('the card network over HTTP', () => {
  let server: Server;
  let network: HttpCardNetwork;
  let answer: (url: string | undefined) => Answer;
  let seen: Seen[];

  beforeEach(async () => {
    seen = [];
    server = createServer((request, response) => void respond(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    network = new HttpCardNetwork({ url: `http://127.0.0.1:${port}`, timeoutMs: 2_000 });
  });

  afterEach(async () => {
    await network.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    seen.push({ url: request.url, key: request.headers['idempotency-key'], body: JSON.parse(text) });
    const { status, body } = answer(request.url);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
  }

  const charge = () =>
    network.charge('tx/charge', {
      amount: { amountMinor: 1_250, currency: 'EUR' },
      token: 'tok_ok',
      reference: 'order-1',
    });
  const refund = () => network.refund('tx/charge/refund', { chargeKey: 'tx/charge', reference: 'order-1' });

  test('R7: a charge carries its key and the amount in minor units', async () => {
    answer = () => ({ status: 201, body: { chargeId: 'ch_1', status: 'captured' } });
    expect(await charge()).toEqual({ status: 'captured', chargeId: 'ch_1' });
    const body = { amountMinor: 1_250, currency: 'EUR', token: 'tok_ok', reference: 'order-1' };
    expect(seen).toEqual([{ url: '/card-network/charges', key: 'tx/charge', body }]);
  });

  test.each([
    [402, { code: 'card-declined' }, 'card-declined'],
    [402, { code: 'insufficient-funds' }, 'insufficient-funds'],
    [402, { code: 'Something\nelse' }, 'card-refused'],
    [409, { code: 'voided' }, 'voided'],
    [422, { code: 'amount-malformed' }, 'provider-rejected'],
  ])('status %i with %j is a no with the word %s', async (status, body, code) => {
    answer = () => ({ status, body });
    expect(await charge()).toEqual({ status: 'refused', code });
  });

  test.each([
    ['an error of theirs', { status: 503 }, 'PROVIDER_UNAVAILABLE'],
    ['the same key being worked on', { status: 409, body: { code: 'in-flight' } }, 'PROVIDER_UNAVAILABLE'],
    ['a status that means neither yes nor no', { status: 404 }, 'PROVIDER_UNAVAILABLE'],
    ['B75: a yes that names no charge', { status: 201, body: { status: 'captured' } }, 'PROVIDER_REJECTED'],
  ])('%s leaves the outcome unknown, to be asked again', async (_name, given, code) => {
    answer = () => given;
    await expect(charge()).rejects.toMatchObject({ code, retryable: true });
  });

  test('I07: a key that stands for another request is no answer: the charge may have happened, so it is not a no', async () => {
    answer = () => ({ status: 422, body: { code: 'key-reused' } });
    await expect(charge()).rejects.toMatchObject({ code: 'PROVIDER_REJECTED', retryable: false });
    await expect(refund()).rejects.toMatchObject({ code: 'PROVIDER_REJECTED', retryable: false });
  });

  test('R8: a refund names the charge by its key and may find nothing', async () => {
    answer = () => ({ status: 200, body: { refundId: 'rf_1', status: 'refunded' } });
    expect(await refund()).toEqual({ status: 'refunded' });
    answer = () => ({ status: 200, body: { status: 'nothing-to-refund' } });
    expect(await refund()).toEqual({ status: 'nothing-to-refund' });
    const body = { chargeKey: 'tx/charge', reference: 'order-1' };
    expect(seen[0]).toEqual({ url: '/card-network/refunds', key: 'tx/charge/refund', body });
  });

  test('R22: refunds that fail open their own circuit; charges go on', async () => {
    answer = (url) =>
      url === '/card-network/refunds'
        ? { status: 503 }
        : { status: 201, body: { chargeId: 'ch_1', status: 'captured' } };
    const codes: unknown[] = [];
    for (let attempt = 0; attempt < 6; attempt++) {
      await refund().catch((error: unknown) =>
        codes.push(error instanceof Error && 'code' in error && error.code),
      );
    }
    expect([codes[0], codes.at(-1)]).toEqual(['PROVIDER_UNAVAILABLE', 'CIRCUIT_OPEN']);
    expect(await charge()).toEqual({ status: 'captured', chargeId: 'ch_1' });
  });

  test('R22: refusals are answers and never open a circuit', async () => {
    answer = () => ({ status: 402, body: { code: 'card-declined' } });
    for (let order = 0; order < 20; order++) expect(await charge()).toMatchObject({ status: 'refused' });
  });

  test('no fault repeats the card’s token', async () => {
    answer = () => ({ status: 503 });
    const fault = await charge().catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Error);
    expect(fault instanceof Error ? fault.message : '').not.toContain('tok_');
  });
});
