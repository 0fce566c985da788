/**
 * Goal: nobody outside decides what we trace and count, or is believed for what stands in a trace header. Method: a small
 * controller behind the real edge over real HTTP, its spans caught in an array and its numbers in a registry.
 */
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { uuidv7 } from '@sagamore/primitives';
import { MetricRegistry, type SpanRecord, type Tracing } from '@sagamore/telemetry';
import { Controller, Get, Module, Param, Post, Res, Sse, UseGuards, type MessageEvent } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { of, type Observable } from 'rxjs';
import { readConfig } from '../config.js';
import { Service } from '../host.js';
import { silentLog } from '../log.js';
import { createHttpEdge } from './edge.js';
import { OperatorGuard } from './operator.guard.js';
import { transactionHeader } from './request.spans.js';

const victim = '0af7651916cd43dd8448eb211c80319c';
const parent = 'b7ad6b7169203331';

@Controller()
class DoorsController {
  @Post('doors')
  open(@Res({ passthrough: true }) reply: FastifyReply): { readonly transactionId: string } {
    const transactionId = uuidv7(Date.now());
    void reply.header(transactionHeader, transactionId);
    return { transactionId };
  }

  @Get('doors/:id')
  look(@Param('id') id: string): { readonly id: string } {
    return { id };
  }

  @Sse('ajar')
  ajar(): Observable<MessageEvent> {
    return of({ data: 'ajar' });
  }

  @Get('admin')
  @UseGuards(OperatorGuard)
  admin(): { readonly open: true } {
    return { open: true };
  }
}

const config = readConfig({ OPERATOR_TOKEN: 'a-token-of-some-length' });

@Module({
  controllers: [DoorsController],
  providers: [{ provide: Service, useValue: { name: 'door', instance: 'one', log: silentLog, config } }],
})
class DoorsModule {}

let app: NestFastifyApplication;
let url: string;
let spans: SpanRecord[];
let registry: MetricRegistry;

async function serve(ratio: number): Promise<void> {
  spans = [];
  registry = new MetricRegistry();
  const tracing: Tracing = {
    isOn: true,
    dropped: 0,
    emit: (told) => void spans.push(...told),
    stop: async () => {},
  };
  const edge = createHttpEdge({ traces: { tracing, ratio }, metrics: registry });
  app = await NestFactory.create<NestFastifyApplication>(DoorsModule, edge.adapter, {
    ...edge.options,
    logger: false,
  });
  edge.protect(app);
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
}

beforeEach(() => serve(1));
afterEach(() => app.close());

function open(headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(`${url}/doors`, { method: 'POST', headers });
}

async function openedId(headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const response = await open(headers);
  await response.text();
  expect(response.status).toBe(201);
  return response.headers.get(transactionHeader) ?? '';
}

/** The one span of a request; it is told just after the answer went out. */
async function spanOf(transactionId: string): Promise<SpanRecord | undefined> {
  await until(() => spans.some(({ traceId }) => traceId === transactionId.replaceAll('-', '')));
  return spans.find(({ traceId }) => traceId === transactionId.replaceAll('-', ''));
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('the condition did not come true');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Sends a POST with header lines as they are, and answers what came back. */
function raw(lines: readonly string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const head = ['POST /doors HTTP/1.1', 'Host: x', 'Content-Length: 0', 'Connection: close', ...lines];
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () =>
    socket.write(`${head.join('\r\n')}\r\n\r\n`),
  );
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
  socket.on('error', reject);
  socket.on('close', () => resolve(answer));
  return promise;
}

describe('a caller’s traceparent', () => {
  test('becomes a link, and never our parent', async () => {
    const id = await openedId({ traceparent: `00-${victim}-${parent}-01` });
    const span = await spanOf(id);
    expect(span?.links).toEqual([{ traceId: victim, spanId: parent }]);
    expect(span?.parentSpanId).toBe(id.replaceAll('-', '').slice(16));
  });

  test.each([
    ['nonsense', 'nonsense'],
    ['with capitals', `00-${victim.toUpperCase()}-${parent}-01`],
    ['with an all-zero trace', `00-${'0'.repeat(32)}-${parent}-01`],
    ['with an all-zero span', `00-${victim}-${'0'.repeat(16)}-01`],
    ['of version ff', `ff-${victim}-${parent}-01`],
    ['of the first version with more behind', `00-${victim}-${parent}-01-more`],
    ['10 KB long', 'a'.repeat(10_000)],
    ['with a line break that is encoded', `00-${victim}-${parent}-01%0d%0ax-evil: 1`],
  ])('B81: %s is as good as none: the trace is ours, and linked to nothing', async (_what, traceparent) => {
    const span = await spanOf(await openedId({ traceparent }));
    expect(span?.links).toBeUndefined();
  });

  test('B81: two of them are none', async () => {
    const line = `traceparent: 00-${victim}-${parent}-01`;
    expect(await raw([line, line])).toMatch(/^HTTP\/1\.1 201 /);
    await until(() => spans.length === 1);
    expect(spans[0]?.links).toBeUndefined();
  });

  test('B82, I29: shown with 1 000 requests it makes 1 000 traces, none of them the caller’s', async () => {
    const headers = { traceparent: `00-${victim}-${parent}-01` };
    const asked = Array.from({ length: 1_000 }, () => app.inject({ method: 'POST', url: '/doors', headers }));
    const answers = await Promise.all(asked);
    const ids = answers.map((answer) => String(answer.headers[transactionHeader]).replaceAll('-', ''));
    await until(() => spans.length === 1_000);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set(ids));
    expect(new Set(ids).size).toBe(1_000);
    expect(ids).not.toContain(victim);
  });

  test('B82: its sampled flag makes us keep nothing, and its absence makes us drop nothing', async () => {
    await spanOf(await openedId({ traceparent: `00-${victim}-${parent}-00` }));
    await app.close();
    await serve(0);
    await openedId({ traceparent: `00-${victim}-${parent}-01` });
    await settled();
    expect(spans).toEqual([]);
  });

  test('B83: tracestate and baggage go nowhere, and make nobody an operator', async () => {
    const baggage = { tracestate: 'vendor=secret', baggage: 'user=admin,role=operator' };
    const id = await openedId({ ...baggage, traceparent: `00-${victim}-${parent}-01` });
    expect(JSON.stringify(await spanOf(id))).not.toMatch(/secret|admin|operator/);
    expect((await fetch(`${url}/admin`, { headers: baggage })).status).toBe(401);
  });

  test.each(['tracestate', 'baggage'])('B83: 64 KB of %s are a 431', async (name) => {
    expect(await raw([`${name}: ${'k=v,'.repeat(16_384)}`])).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('B60, B83: what looks like a header in a value stays in it', async () => {
    const answer = await raw(['baggage: a=%0d%0aX-Evil: 1', `traceparent: 00-${victim}%0d%0aX-Evil: 1`]);
    expect(answer).toMatch(/^HTTP\/1\.1 201 /);
    expect(answer).not.toMatch(/x-evil/i);
  });

  test('B60: a bare line feed inside a header is no HTTP', async () => {
    expect(await raw(['traceparent: a\nX-Evil: 1\n\rb'])).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('requests in numbers', () => {
  const series = async () =>
    (await registry.collect()).find(({ specification: { name } }) => name.includes('request_duration'))
      ?.samples ?? [];

  test('are counted by method, route and status, streams excepted', async () => {
    await openedId();
    for (const path of ['doors/1', 'doors/2', 'ajar', 'admin']) await (await fetch(`${url}/${path}`)).text();
    const counted = (await series()).map(({ labels, counts = [] }) => ({
      ...labels,
      count: counts.reduce((sum, each) => sum + each, 0),
    }));
    expect(counted).toEqual([
      { method: 'POST', route: '/doors', status: '201', count: 1 },
      { method: 'GET', route: '/doors/:id', status: '200', count: 2 },
      { method: 'GET', route: '/admin', status: '401', count: 1 },
    ]);
  });

  test('B110: 1 000 distinct paths, whatever the method, make no series of their own', async () => {
    for (let index = 0; index < 500; index++) {
      await app.inject({ method: 'GET', url: `/doors/${index}` });
      await app.inject({ method: index % 2 === 0 ? 'PUT' : 'GET', url: `/nothing-${index}` });
    }
    expect((await series()).map(({ labels }) => labels)).toEqual([
      { method: 'GET', route: '/doors/:id', status: '200' },
      { method: 'none', route: 'none', status: '404' },
    ]);
  });
});

/** Whatever an earlier answer makes us tell has been told once a later one is here. */
async function settled(): Promise<void> {
  await (await fetch(`${url}/doors/last`)).text();
  await new Promise((resolve) => setImmediate(resolve));
}
