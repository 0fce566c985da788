/**
 * Goal: what a provider says is told from its silence, and what cannot be believed is not.
 * Method: a real server on a free port that plays one trick a test.
 */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Fault } from '@sagamore/resilience';
import { ProviderClient, retryAfterMs, type ProviderClientOptions } from './provider-client.js';

let server: Server;
let trick: RequestListener;
let seen: IncomingMessage[];
let origin: string;
let client: ProviderClient;

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    seen.push(request);
    trick(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server has no port');
  origin = `http://127.0.0.1:${address.port}`;
  client = clientFor({});
});

afterEach(async () => {
  server.closeAllConnections();
  await client.stop();
  await new Promise((resolve) => server.close(resolve));
});

function clientFor(options: Partial<ProviderClientOptions>): ProviderClient {
  return new ProviderClient({ baseUrl: origin, timeoutMs: 5_000, ...options });
}

function answers(status: number, body: string, headers: Record<string, string> = {}): void {
  trick = (request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };
}

const post = (body: unknown = { amountMinor: 1 }) =>
  client.post('/charges', body, { idempotencyKey: 'tx/pay' });

test.each([200, 201, 400, 402, 404, 409, 422])('a status of %d is an answer', async (status) => {
  answers(status, '{"code":"x"}');
  expect(await post()).toEqual({ status, body: { code: 'x' } });
});

test('a call carries its key, its body and the headers of every call', async () => {
  client = clientFor({ baseUrl: `${origin}/v1/`, headers: { authorization: 'Bearer x' } });
  let text = '';
  trick = (request, response) => {
    request.on('data', (chunk) => (text += String(chunk)));
    request.on('end', () =>
      response.setHeader('content-type', 'application/problem+json; charset=utf-8').end('{}'),
    );
  };
  await post({ amountMinor: 7 });
  expect(seen[0]).toMatchObject({ method: 'POST', url: '/v1/charges' });
  expect(seen[0]?.headers).toMatchObject({
    authorization: 'Bearer x',
    'content-type': 'application/json',
    'idempotency-key': 'tx/pay',
  });
  expect(JSON.parse(text)).toEqual({ amountMinor: 7 });
});

test('a bare 404 is an answer without a body', async () => {
  answers(404, '', { 'content-type': 'text/plain' });
  expect(await client.get('/charges/x')).toEqual({ status: 404, body: undefined });
});

test.each([500, 502, 503, 408, 425, 429])('a status of %d is silence: retryable', async (status) => {
  answers(status, '{"code":"x"}');
  await expect(post()).rejects.toMatchObject({
    code: 'PROVIDER_UNAVAILABLE',
    retryable: true,
    retryAfterMs: undefined,
  });
});

test.each([
  ['30', 30_000],
  ['86400', 60_000],
  ['soon', undefined],
])('S82: a Retry-After of %s becomes %s ms, capped', async (header, expected) => {
  answers(429, '{}', { 'retry-after': header });
  await expect(post()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryAfterMs: expected });
});

test('a Retry-After may be a date; one in the past means now', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(retryAfterMs('Thu, 01 Jan 2026 00:00:05 GMT', now)).toBe(5_000);
  expect(retryAfterMs('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0);
});

test('no connection is silence', async () => {
  await new Promise((resolve) => server.close(resolve));
  await expect(post()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true });
});

test('a connection that breaks before the answer is silence', async () => {
  trick = (request) => request.socket.destroy();
  await expect(post()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true });
});

test('a connection that breaks within the answer is silence', async () => {
  trick = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
    response.write('{"status":', () => response.destroy());
  };
  await expect(post()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true });
});

test.each([
  ['begins', () => {}],
  [
    'ends',
    ((_request, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).write('{')) as RequestListener,
  ],
])('an answer that never %s is silence after the time-out', async (_when, listener) => {
  client = clientFor({ timeoutMs: 40 });
  trick = listener;
  await expect(post()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true });
});

test('B75: a redirect is not believed and not followed', async () => {
  answers(302, '', { location: `${origin}/elsewhere` });
  await expect(post()).rejects.toMatchObject({ code: 'PROVIDER_REJECTED' });
  expect(seen).toHaveLength(1);
});

test.each([
  ['HTML', 200, '<html>ok</html>', 'text/html'],
  ['HTML with a refusal', 402, '<html>no</html>', 'text/html'],
  ['JSON that is cut short', 200, '{"status":"capt', 'application/json'],
  ['an empty 200', 200, '', 'application/json'],
  ['a type that only looks like JSON', 200, '{}', 'application/jsonish'],
])('B75: %s is not believed, and not quoted', async (_what, status, body, type) => {
  answers(status, body, { 'content-type': type });
  const error: unknown = await post().catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'PROVIDER_REJECTED' });
  if (body !== '' && body !== '{}') expect(String(error)).not.toContain(body);
});

test('B75: an answer that goes on and on is cut at the limit', async () => {
  let written = 0;
  trick = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = (): void => {
      if (written < 50_000_000 && !response.destroyed) {
        written += 65_536;
        response.write('x'.repeat(65_536), more);
      }
    };
    more();
  };
  await expect(post()).rejects.toMatchObject({ code: 'PROVIDER_REJECTED' });
  expect(written).toBeLessThan(20_000_000);
});

test.each([
  ['its own fault', new Fault('DEADLINE_EXCEEDED', 'late', { retryable: true }), 'DEADLINE_EXCEEDED'],
  ['STOPPED for any other reason', undefined, 'STOPPED'],
])('a caller that gives up gets %s', async (_what, reason, code) => {
  const stop = new AbortController();
  trick = () => stop.abort(reason);
  const running = client.post('/charges', {}, { idempotencyKey: 'k', signal: stop.signal });
  await expect(running).rejects.toMatchObject({ code });
});

test('sockets are kept between calls, also after a refusal', async () => {
  answers(402, '{}');
  const sockets = new Set<unknown>();
  const answer = trick;
  trick = (request, response) => {
    sockets.add(request.socket);
    answer(request, response);
  };
  for (let call = 0; call < 20; call++) await post();
  // A second one may open while the first is still being put back.
  expect(sockets.size).toBeLessThanOrEqual(2);
});

test('I42: no fault repeats the key, the body or the headers', async () => {
  client = clientFor({ headers: { authorization: 'Bearer hidden' } });
  trick = (request) => request.socket.destroy();
  const error: unknown = await post({ token: 'tok_hidden' }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Fault);
  const { message, stack } = error instanceof Fault ? error : new Error('no fault');
  for (const secret of ['hidden', 'tx/pay']) expect(`${message}${stack}`).not.toContain(secret);
});
