/**
 * Goal: an answer over HTTP becomes the outcome that the page promises (docs/reference/http-participants.md).
 * Method: a real server on a free port that plays one trick a test; at the end a whole saga against a server with books.
 */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { saga, sagaProtocol, type Half, type ProbeFinding, type Reply } from '@sagamore/engine';
import { operation, type CommandData, type Message, type ProbeData } from '@sagamore/runtime';
import { setTimeout as pause } from 'node:timers/promises';
import { host, startOf, statusOf } from '../../../test/support/coordinator.js';
import {
  command,
  RuntimeRig,
  transactionOne,
  transactionTwo,
  trusted,
} from '../../../test/support/runtime.js';
import { HttpParticipantCalls, type HttpParticipantCallsOptions } from './participant-calls.js';

let server: Server;
let trick: RequestListener;
let seen: IncomingMessage[];
let origin: string;
let calls: HttpParticipantCalls;

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
  calls = callsFor({});
});

afterEach(async () => {
  server.closeAllConnections();
  await calls.stop();
  await new Promise((resolve) => server.close(resolve));
});

function callsFor(options: Partial<HttpParticipantCallsOptions>): HttpParticipantCalls {
  const circuit = { failuresToOpen: 3, resetMs: 60_000 };
  return new HttpParticipantCalls({
    baseUrls: { hotel: `${origin}/v1` },
    timeoutMs: 2_000,
    circuit,
    ...options,
  });
}

function answers(status: number, body = '', headers: Record<string, string> = {}): void {
  trick = (request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers }).end(body);
  };
}

const ask = (half: Half = 'action', branchId = 'book-hotel'): Promise<Reply | undefined> => {
  const type = half === 'action' ? 'hotel.book' : 'hotel.cancel';
  return calls.call({
    ...command({ type, half, branchId, attempt: 2, payload: { nights: 2 } }),
    traceparent: '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01',
  });
};

function probe(): Promise<ProbeFinding | undefined> {
  const { data, ...message } = command({ type: 'hotel.probe', branchId: 'book-hotel' });
  const asked = { ...message, data: { ...data, messageType: 'hotel.book' } };
  return calls.probe(asked as Message<CommandData> as Message<ProbeData>);
}

const away = (status: number) => ({
  outcome: 'failed',
  failure: { code: 'PROVIDER_UNAVAILABLE', message: expect.stringContaining(`${status}`), retryable: true },
});
const wrong = (status: number) => ({
  outcome: 'failed',
  failure: { code: 'PROVIDER_REJECTED', message: expect.stringContaining(`${status}`), retryable: false },
});

describe('a call', () => {
  test('carries the payload, the key of the branch, and which asking it is', async () => {
    let text = '';
    trick = (request, response) => {
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{"n":1}'));
    };
    expect(await ask()).toEqual({ outcome: 'succeeded', output: { n: 1 } });
    expect(seen[0]).toMatchObject({
      method: 'POST',
      url: '/v1/hotel.book',
      headers: {
        'idempotency-key': `${transactionOne}/book-hotel`,
        'sagamore-attempt': '2',
        'sagamore-generation': '1',
        traceparent: expect.stringContaining('0123456789abcdef'),
      },
    });
    expect(JSON.parse(text)).toEqual({ nights: 2 });
  });

  test('the undo carries the key of its action; a pass of a loop has one of its own', async () => {
    answers(204);
    expect(await ask('compensation')).toEqual({ outcome: 'succeeded', output: null });
    await ask('action', 'book-hotel#3');
    expect(seen.map(({ url, headers }) => `${url} ${String(headers['idempotency-key'])}`)).toEqual([
      `/v1/hotel.cancel ${transactionOne}/book-hotel`,
      `/v1/hotel.book ${transactionOne}/book-hotel%233`,
    ]);
  });

  test.each<[number, string, unknown]>([
    [200, '{"n":1}', { outcome: 'succeeded', output: { n: 1 } }],
    [201, '[]', { outcome: 'succeeded', output: [] }],
    [204, '', { outcome: 'succeeded', output: null }],
    [202, '', { outcome: 'in-progress' }],
    [202, '{"state":"queued"}', { outcome: 'in-progress' }],
    [409, '{"code":"fully-booked"}', { outcome: 'refused', refusal: { code: 'fully-booked' } }],
    [422, '{"code":"NO_SUCH_ROOM"}', { outcome: 'refused', refusal: { code: 'NO_SUCH_ROOM' } }],
    [410, '', { outcome: 'refused', refusal: { code: 'cancelled-before' } }],
    [409, '', away(409)],
    [409, '{"code":"<script>"}', away(409)],
    [422, '{"code":7}', wrong(422)],
    [400, '{"code":"fully-booked"}', wrong(400)],
    [401, '', wrong(401)],
    [404, '', wrong(404)],
    [408, '', away(408)],
    [425, '', away(425)],
    [429, '', away(429)],
    [500, '{"code":"fully-booked"}', away(500)],
    [503, '', away(503)],
  ])('status %d with %j', async (status, body, outcome) => {
    answers(status, body);
    expect(await ask()).toEqual(outcome);
  });

  test('S82: Retry-After travels with the failure, capped', async () => {
    answers(503, '', { 'retry-after': '30' });
    expect(await ask()).toMatchObject({ failure: { retryAfterMs: 30_000 } });
    answers(503, '', { 'retry-after': '999999999' });
    expect(await ask()).toMatchObject({ failure: { retryAfterMs: 60_000 } });
  });

  test('R5: an undo that found nothing says so in its body; an action cannot', async () => {
    answers(200, '{"empty":true}');
    expect(await ask('compensation')).toEqual({ outcome: 'succeeded', output: {}, empty: true });
    expect(await ask()).toEqual({ outcome: 'succeeded', output: { empty: true } });
  });

  test('B75: a redirect, another type, too much, or text that is no JSON is no answer, and nobody follows or waits', async () => {
    answers(302, '', { location: `${origin}/v1/elsewhere` });
    expect(await ask()).toMatchObject({ outcome: 'failed', failure: { retryable: true } });
    for (const [body, type] of [
      ['<html>', 'text/html'],
      ['{"n":', 'application/json'],
      [`"${'x'.repeat(70_000)}"`, 'application/json'],
    ] as const) {
      answers(200, body, { 'content-type': type });
      calls = callsFor({});
      expect(await ask()).toMatchObject({ outcome: 'failed', failure: { code: 'PROVIDER_REJECTED' } });
    }
    expect(seen).toHaveLength(4);
  });

  test('B86: what was sent and what was answered stand in no failure', async () => {
    answers(500, '{"card":"4111111111111111"}');
    const reply = JSON.stringify(await ask());
    expect(reply).not.toMatch(/4111|nights/);
  });

  test('silence is a failure that leaves the outcome open, within the time-out', async () => {
    calls = callsFor({ timeoutMs: 100 });
    trick = () => undefined;
    expect(await ask()).toMatchObject({ outcome: 'failed', failure: { code: 'PROVIDER_UNAVAILABLE' } });
  });

  test('S83, S86: a participant that keeps failing is not called and costs no attempt; its refusals open nothing', async () => {
    answers(409, '{"code":"fully-booked"}');
    for (let count = 0; count < 10; count++) await ask();
    answers(500);
    for (let count = 0; count < 12; count++) await ask();
    const called = seen.length;
    expect(await ask()).toEqual({ outcome: 'in-progress' });
    expect(await probe()).toEqual({ outcome: 'not-yet' });
    expect(seen).toHaveLength(called);
  });

  test('after a stop nobody is told anything', async () => {
    await calls.stop();
    expect(await ask()).toBeUndefined();
    expect(await probe()).toBeUndefined();
  });
});

describe('a probe', () => {
  test('asks for the key, and changes nothing', async () => {
    answers(200, '{"n":1}');
    expect(await probe()).toEqual({ outcome: 'succeeded', output: { n: 1 } });
    expect(seen[0]).toMatchObject({
      method: 'GET',
      url: `/v1/hotel.book/${encodeURIComponent(`${transactionOne}/book-hotel`)}`,
    });
  });

  test.each<[number, string, ProbeFinding | undefined]>([
    [204, '', { outcome: 'succeeded', output: null }],
    [202, '', { outcome: 'not-yet' }],
    [409, '{"code":"fully-booked"}', { outcome: 'refused', refusal: { code: 'fully-booked' } }],
    [410, '', { outcome: 'not-done' }],
    [404, '', undefined],
    [400, '', undefined],
    [503, '', undefined],
  ])('R6: status %d with %j', async (status, body, finding) => {
    answers(status, body);
    expect(await probe()).toEqual(finding);
  });
});

describe('a saga over HTTP', () => {
  const book = operation('hotel.book', {
    input: trusted<{ readonly nights: number }>(),
    output: trusted<{ readonly number: number }>(),
    undo: 'cancel',
    transport: 'http',
  });
  const insure = operation('hotel.insure', {
    input: trusted<unknown>(),
    output: trusted<unknown>(),
    transport: 'http',
  });
  const quick = { timeoutMs: 2_000, retry: { attemptsMax: 4, baseMs: 10, maxMs: 20 }, inProgressPollMs: 20 };
  const trip = sagaProtocol(
    saga<{ readonly insured: boolean }>('trip', { version: 1 })
      .step('book-hotel', book, () => ({ nights: 2 }), quick)
      .step('insure', insure, ({ input }) => input, { ...quick, nothingToUndo: true })
      .define(),
  );

  /** A service as the page wants it: first answers by key, and a seat that an undo takes. */
  function hotel(): { readonly books: Map<string, 'booked' | 'cancelled'>; lost: number } {
    const state = { books: new Map<string, 'booked' | 'cancelled'>(), lost: 0 };
    trick = (request, response) => {
      const key = String(request.headers['idempotency-key']);
      const json = (status: number, body: unknown): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      let text = '';
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => {
        const known = state.books.get(key);
        if (request.url === '/v1/hotel.book') {
          if (known === undefined) state.books.set(key, 'booked');
          // The booking stands, and its answer is lost on the way.
          if (state.lost-- > 0) return void request.socket.destroy();
          return known === 'cancelled' ? json(410, {}) : json(200, { number: 7 });
        }
        if (request.url === '/v1/hotel.cancel') {
          state.books.set(key, 'cancelled');
          return json(200, { empty: known === undefined });
        }
        const { insured } = JSON.parse(text) as { readonly insured: boolean };
        return insured ? json(200, {}) : json(422, { code: 'not-insurable' });
      });
    };
    return state;
  }

  async function run(id: string, insured: boolean, status: string): Promise<void> {
    const rig = new RuntimeRig();
    const { coordinator } = await host(rig, { protocols: [trip], ports: { calls } });
    await rig.process().bus.send([startOf(id, 'trip', { insured })]);
    for (const deadline = Date.now() + 10_000; statusOf(rig, id) !== status; await pause(5)) {
      if (Date.now() > deadline) throw new Error(`${id} stands as ${statusOf(rig, id)}`);
      await rig.clock.advanceAsync(25);
    }
    await coordinator.stop();
  }

  test('S1, S2: lost answers are asked for again under one key, and the room is booked once', async () => {
    const state = hotel();
    state.lost = 2;
    await run(transactionOne, true, 'completed');
    expect([...state.books.entries()]).toEqual([[`${transactionOne}/book-hotel`, 'booked']]);
    expect(seen.filter(({ url }) => url === '/v1/hotel.book')).toHaveLength(3);
  });

  test('S13: a refusal of the second step cancels the room by its key', async () => {
    const state = hotel();
    await run(transactionTwo, false, 'compensated');
    expect([...state.books.values()]).toEqual(['cancelled']);
  });
});
