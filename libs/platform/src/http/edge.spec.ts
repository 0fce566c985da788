/**
 * Goal: what the edge of a process refuses, and how, whatever the route is (bad-input catalogue).
 * Method: a small controller behind the real edge, over real HTTP on a port of the system's choosing; what fetch would
 * not send goes through a plain socket.
 */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Fault } from '@sagamore/resilience';
import { Body, Controller, Get, Module, Post, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { z } from 'zod';
import { createLog } from '../log.js';
import { createHttpEdge } from './edge.js';
import { IdempotencyKey } from './idempotency.js';
import { serveOpenApi } from './openapi.js';
import { ProblemException } from './problem.js';

const note = z.object({ text: z.string().max(100), meta: z.record(z.string(), z.string()).optional() });
const page = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  id: z.string().optional(),
});
const secret = 'postgres://root:hunter2@db.internal/orders';

@Controller()
class NotesController {
  @Post('notes')
  write(@Body({ schema: note }) body: z.infer<typeof note>, @IdempotencyKey() key: string) {
    return { ...body, key };
  }

  @Get('notes')
  list(@Query({ schema: page }) query: z.infer<typeof page>) {
    return query;
  }

  @Get('broken/:how')
  broken(): never {
    throw new Error(`select * from secrets at ${secret}`);
  }

  @Get('away')
  away(): never {
    throw new Fault('DATABASE_UNAVAILABLE', `connect ECONNREFUSED ${secret}`, { retryable: true });
  }

  @Get('ended')
  ended(): never {
    throw new ProblemException(409, 'NOTE_ENDED', { detail: 'the note has ended' });
  }
}

@Module({ controllers: [NotesController] })
class NotesModule {}

const lines: string[] = [];
let app: NestFastifyApplication;
let url: string;

beforeAll(async () => {
  const edge = createHttpEdge({ log: createLog({ write: (line) => void lines.push(line) }) });
  app = await NestFactory.create<NestFastifyApplication>(NotesModule, edge.adapter, {
    ...edge.options,
    logger: false,
  });
  edge.protect(app);
  serveOpenApi(app, { title: 'Notes', version: '1' });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});

afterAll(() => app.close());

type Headers = Record<string, string>;

function post(body: string | Uint8Array<ArrayBuffer>, headers: Headers = {}): Promise<Response> {
  const defaults = { 'content-type': 'application/json', 'idempotency-key': 'k-1' };
  return fetch(`${url}/notes`, { method: 'POST', body, headers: { ...defaults, ...headers } });
}

/** Sends bytes as they are and answers everything that came back until the server hung up. */
function raw(bytes: string, port = Number(new URL(url).port)): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
  let answer = '';
  socket.setTimeout(4_000, () => socket.destroy(new Error('no answer in time')));
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
  socket.on('error', reject);
  socket.on('close', () => resolve(answer));
  return promise;
}

function rawPost(headers: readonly string[], body = '{"text":"x"}'): Promise<string> {
  const head = [
    'POST /notes HTTP/1.1',
    'Host: x',
    'Connection: close',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return raw(`${[...head, ...headers].join('\r\n')}\r\n\r\n${body}`);
}

function rawGet(path: string, headers: readonly string[] = []): Promise<string> {
  return raw(`${[`GET ${path} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`);
}

const problem = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.number(),
  code: z.string().regex(/^[A-Z_]+$/),
  detail: z.string().optional(),
  instance: z.string(),
  correlationId: z.string(),
  errors: z.array(z.strictObject({ pointer: z.string(), detail: z.string() })).optional(),
});

async function expectProblem(response: Response, status: number): Promise<z.infer<typeof problem>> {
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status });
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(text).not.toMatch(/node_modules|\.ts|\.js|at \w+ \(|select |hunter2|internal/);
  const parsed = problem.parse(JSON.parse(text));
  expect(parsed).toMatchObject({ status, correlationId: response.headers.get('x-correlation-id') });
  return parsed;
}

describe('a request that fits', () => {
  test('B90: is served as JSON with the headers of every answer', async () => {
    const response = await post('{"text":"héllo 🙂"}');
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ text: 'héllo 🙂', key: 'k-1' });
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['x-powered-by']).toBeUndefined();
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  test('B55: asking for another media type still gets JSON', async () => {
    const response = await fetch(`${url}/notes`, { headers: { accept: 'text/xml' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  });

  test('keeps a short plain correlation id of the caller', async () => {
    const response = await fetch(`${url}/notes`, { headers: { 'x-correlation-id': 'abc_1-2' } });
    expect(response.headers.get('x-correlation-id')).toBe('abc_1-2');
  });

  test('is described in /openapi.json by the schemas that check it', async () => {
    const document: unknown = await (await fetch(`${url}/openapi.json`)).json();
    expect(document).toMatchObject({
      paths: {
        '/notes': {
          post: { requestBody: { content: { 'application/json': { schema: expect.anything() } } } },
          get: {
            parameters: expect.arrayContaining([expect.objectContaining({ name: 'limit', in: 'query' })]),
          },
        },
      },
    });
    expect(JSON.stringify(document)).toContain('"maxLength":100');
    expect(JSON.stringify(document)).toContain('"name":"Idempotency-Key"');
  });
});

describe('the idempotency key', () => {
  test('B21: its absence is a 400', async () => {
    const response = await fetch(`${url}/notes`, {
      method: 'POST',
      body: '{"text":"x"}',
      headers: { 'content-type': 'application/json' },
    });
    expect(await expectProblem(response, 400)).toMatchObject({ code: 'IDEMPOTENCY_KEY_MISSING' });
  });

  test.each([1, 255])('B27: a key of %i characters is taken', async (length) => {
    const response = await post('{"text":"x"}', { 'idempotency-key': 'k'.repeat(length) });
    expect(await response.json()).toMatchObject({ key: 'k'.repeat(length) });
  });

  test.each([
    ['empty', ''],
    ['256 characters long', 'k'.repeat(256)],
    ['10 000 characters long', 'k'.repeat(10_000)],
    ['with a space inside', 'a b'],
    ['with a quote inside', 'a"b'],
    ['with a comma, as two merged headers have', 'a,b'],
    ['beyond ASCII', 'clé'],
  ])('B27: a key that is %s is a 400', async (_what, key) => {
    const sent = await post('{"text":"x"}', { 'idempotency-key': key });
    expect((await expectProblem(sent, 400)).code).toMatch(/^IDEMPOTENCY_KEY_/);
  });

  test('B27: two headers, an emoji and NUL are 400s', async () => {
    const json = 'Content-Type: application/json';
    const emoji = Buffer.from('🙂').toString('latin1');
    const answers = await Promise.all([
      rawPost([json, 'Idempotency-Key: a', 'Idempotency-Key: b']),
      rawPost([json, `Idempotency-Key: ${emoji}`]),
      rawPost([json, 'Idempotency-Key: a\0b']),
    ]);
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('a body', () => {
  test.each([
    ['an operator object where text is due', '{"text":{"$gt":""}}'],
    ['a list where text is due', '{"text":["x"]}'],
    ['a top-level scalar', '"x"'],
  ])('B33: %s is a 400 that points at the place', async (_what, body) => {
    const { code, errors } = await expectProblem(await post(body), 400);
    expect(code).toBe('REQUEST_INVALID');
    expect(errors).toHaveLength(1);
    expect(errors?.[0]?.pointer).toMatch(/^(\/text)?$/);
  });

  test.each([
    ['trailing garbage', '{"text":"x"} x'],
    ['a comment', '{"text":"x"/* */}'],
    ['single quotes', "{'text':'x'}"],
    ['nothing at all', ''],
  ])('B53: %s is a 400', async (_what, body) => {
    await expectProblem(await post(body), 400);
  });

  test.each([
    ['NUL', '{"text":"a\\u0000b"}'],
    ['a lone high surrogate', '{"text":"\\ud800"}'],
    ['a lone low surrogate in a key', '{"text":"x","meta":{"\\udc00":"y"}}'],
  ])('B46: %s is a 400', async (_what, body) => {
    await expectProblem(await post(body), 400);
  });

  test('B46: a surrogate pair, directions and combining marks are kept as they are', async () => {
    const text = `\u202e\u200b${'e\u0301'.repeat(20)}`;
    const response = await post(`{"text":"\\ud83d\\ude42${text}"}`);
    expect(await response.json()).toMatchObject({ text: `🙂${text}` });
  });

  test.each([
    ['an overlong encoding', [0xc0, 0xaf]],
    ['a truncated sequence', [0xe2, 0x82]],
  ])('B46: %s is a 400', async (_what, bytes) => {
    const body = Buffer.concat([Buffer.from('{"text":"'), Buffer.from(bytes), Buffer.from('"}')]);
    await expectProblem(await post(new Uint8Array(body)), 400);
  });

  test('B46: a byte order mark is a 400', async () => {
    await expectProblem(await post(new Uint8Array(Buffer.from('\ufeff{"text":"x"}'))), 400);
  });

  test('B49: nesting of 10 000 is a 400', async () => {
    const deep = '['.repeat(10_000) + ']'.repeat(10_000);
    expect((await expectProblem(await post(deep), 400)).detail).toContain('nested');
    expect((await expectProblem(await post(`{"text":"x","meta":${deep}}`), 400)).detail).toContain('nested');
  });

  test('B52: of a key that comes twice the last one counts, as it does for everybody behind this edge', async () => {
    const response = await post('{"text":"first","text":"last","meta":{"a":"1","a":"2"}}');
    expect(await response.json()).toMatchObject({ text: 'last', meta: { a: '2' } });
    await expectProblem(await post('{"text":"first","text":7}'), 400);
  });

  test('brackets inside text are no nesting', async () => {
    expect((await post(`{"text":"${'[{'.repeat(50)}"}`)).status).toBe(201);
  });

  test('B50: more than 256 KiB is a 413', async () => {
    await expectProblem(await post(`{"text":"${'x'.repeat(300_000)}"}`), 413);
  });

  test('B50: a body that claims 100 MB is a 413 before it is read, and the connection ends', async () => {
    const answer = await raw(
      'POST /notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n{',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('B50: chunks without an end are cut off with a 413', async () => {
    const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`;
    const answer = await raw(
      `POST /notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test.each(['gzip', 'deflate', 'br', 'gzip, gzip'])('B51: the encoding %s is a 415', async (encoding) => {
    await expectProblem(await post('{"text":"x"}', { 'content-encoding': encoding }), 415);
  });

  test.each([
    'text/plain',
    'application/xml',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'application/json;charset=utf-7',
    'application/problem+json',
    'nonsense',
  ])('B54: the media type %s is a 415', async (type) => {
    await expectProblem(await post('{"text":"x"}', { 'content-type': type }), 415);
  });

  test('B54: no media type is a 415', async () => {
    expect(await rawPost(['Idempotency-Key: k'])).toMatch(/^HTTP\/1\.1 415 /);
  });

  test.each([
    ['__proto__', '{"text":"x","__proto__":{"polluted":1}}'],
    ['an escaped __proto__', '{"text":"x","\\u005f_proto__":{"polluted":1}}'],
    ['constructor.prototype', '{"text":"x","constructor":{"prototype":{"polluted":1}}}'],
    ['__proto__ within', '{"text":"x","meta":{"__proto__":{"polluted":"1"}}}'],
  ])('B67: %s in the body is a 400 and pollutes nothing', async (_what, body) => {
    await expectProblem(await post(body), 400);
    expect('polluted' in {}).toBe(false);
  });

  test('a thousand wrong places are answered with twenty', async () => {
    const meta = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`k${index}`, index]));
    const { errors } = await expectProblem(await post(JSON.stringify({ text: 'x', meta })), 400);
    expect(errors).toHaveLength(20);
  });
});

describe('a query', () => {
  test.each(['id=1&id=2', 'id[$ne]=1', 'id[]=1', 'a[__proto__][x]=1', '__proto__=1', 'id=a%00b'])(
    'B68: %s is a 400',
    async (query) => {
      await expectProblem(await fetch(`${url}/notes?${query}`), 400);
      expect('x' in {}).toBe(false);
    },
  );

  test.each(['limit=-1', 'limit=1e9', 'limit=0', 'limit=x', 'limit=1.5'])(
    'B64: %s is a 400',
    async (query) => {
      const { errors } = await expectProblem(await fetch(`${url}/notes?${query}`), 400);
      expect(errors?.[0]?.pointer).toBe('/limit');
    },
  );

  test('B66: text made to trouble patterns is judged at once', async () => {
    const begun = performance.now();
    await expectProblem(await post('{"text":"x"}', { 'idempotency-key': `${'a'.repeat(9_000)} !` }), 400);
    await expectProblem(await fetch(`${url}/notes?limit=${'1'.repeat(9_000)}!`), 400);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});

describe('a connection', () => {
  test('B59: 100 KB of headers is a 431', async () => {
    expect(await rawGet('/notes', [`X-Big: ${'x'.repeat(100_000)}`])).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('B59: 1 000 headers are a 431', async () => {
    const many = Array.from({ length: 1_000 }, (_, index) => `X${index}: y`);
    expect(await rawGet('/notes', many)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('B58: both lengths at once is a 400, and the connection ends', async () => {
    const answer = await raw(
      'POST /notes HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /notes HTTP/1.1\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  test('B60: line breaks in a value never become a header', async () => {
    const answer = await rawGet('/nothing%0d%0aX-Evil:%201?a=%0d%0aX-Evil:%201', [
      'X-Correlation-Id: a%0d%0aX-Evil: 1',
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer.split('\r\n\r\n')[0]).not.toMatch(/^x-evil/im);
  });

  test.each(['a'.repeat(65), '<script>', 'a b', 'a;b'])(
    'B85: the correlation id %s is replaced',
    async (id) => {
      const answer = await rawGet('/notes', [`X-Correlation-Id: ${id}`]);
      expect(answer).toMatch(/^x-correlation-id: [0-9a-f-]{36}\r$/m);
    },
  );

  test('B62: a wrong method is a 405 that names the right ones; a wrong path a 404', async () => {
    const response = await fetch(`${url}/notes`, { method: 'DELETE' });
    expect(response.headers.get('allow')).toBe('GET, HEAD, POST');
    await expectProblem(response, 405);
    await expectProblem(await fetch(`${url}/nothing`, { method: 'DELETE' }), 404);
    expect(await raw('TRACE /notes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 405 /,
    );
    expect(await raw('NONSENSE /notes HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  test.each(['/%', '/%c0%af', '/broken/%00', `/broken/${'x'.repeat(600)}`])(
    'B63: the path %s is refused',
    async (path) => {
      const response = await fetch(`${url}${path}`);
      expect([400, 404, 414]).toContain(response.status);
      await expectProblem(response, response.status);
    },
  );
});

describe('another origin', () => {
  test.each(['null', 'https://evil.example', 'https://good.evil.example', 'http://127.0.0.1'])(
    'B89: %s is allowed nothing',
    async (origin) => {
      const asked = {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x' },
      };
      const answers = [
        await fetch(`${url}/notes`, { headers: { origin } }),
        await fetch(`${url}/notes`, asked),
        await post('{"text":"x"}', { origin }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 405, 201]);
      for (const { headers } of answers)
        expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    },
  );
});

describe('a slow sender', () => {
  const slowLimits = { requestMs: 400, headersMs: 300, keepAliveMs: 200, lookMs: 50 };
  let slow: NestFastifyApplication;
  let slowPort: number;

  beforeAll(async () => {
    const edge = createHttpEdge({ limits: slowLimits });
    slow = await NestFactory.create<NestFastifyApplication>(NotesModule, edge.adapter, {
      ...edge.options,
      logger: false,
    });
    edge.protect(slow);
    await slow.listen(0, '127.0.0.1');
    slowPort = Number(new URL(await slow.getUrl()).port);
  });

  afterAll(() => slow.close());

  test.each([
    ['headers that never end', 'GET /notes HTTP/1.1\r\nHost: x\r\nX-Slow: '],
    [
      'a body that never ends',
      'POST /notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
    ],
  ])('B56: %s are cut off with a 408', async (_what, bytes) => {
    expect(await raw(bytes, slowPort)).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('B57: a connection that is kept and not used is ended', async () => {
    const answer = await raw('GET /notes HTTP/1.1\r\nHost: x\r\n\r\n', slowPort);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('B56: 500 connections that send nothing more keep nobody waiting', async () => {
    const { port } = new URL(url);
    const sockets = await Promise.all(
      Array.from({ length: 500 }, async () => {
        const socket = connect(Number(port), '127.0.0.1');
        socket.on('error', () => undefined);
        await new Promise((resolve) => void socket.once('connect', resolve));
        socket.write('POST /notes HTTP/1.1\r\nHost: x\r\nX-Slow: ');
        return socket;
      }),
    );
    try {
      const begun = performance.now();
      for (let count = 0; count < 20; count++) expect((await fetch(`${url}/notes`)).status).toBe(200);
      expect(performance.now() - begun).toBeLessThan(2_000);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
});

describe('a failure', () => {
  test('B87: an unforeseen error is a bare 500; its cause is in the log alone', async () => {
    const response = await fetch(`${url}/broken/now?token=sesame`);
    expect(await expectProblem(response, 500)).toMatchObject({ code: 'INTERNAL', instance: '/broken/now' });
    const line = lines.find((one) => one.includes(response.headers.get('x-correlation-id') ?? ''));
    expect(line).toContain('select * from secrets');
    expect(line).not.toContain('sesame');
  });

  test('B87: a database that is away is a 503 that asks to come back and names no host', async () => {
    const response = await fetch(`${url}/away`);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await expectProblem(response, 503)).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });

  test('a problem that a controller throws is answered as it is', async () => {
    expect(await expectProblem(await fetch(`${url}/ended`), 409)).toMatchObject({
      code: 'NOTE_ENDED',
      title: 'Conflict',
      detail: 'the note has ended',
    });
  });
});
