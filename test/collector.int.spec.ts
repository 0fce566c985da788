/**
 * Goal: a collector that is stopped, hangs or is slow makes no transaction slower and loses none, and what waits for it stays
 * bounded (R25). Method: the whole stack in one process, every order traced, against a TCP server that refuses, never answers,
 * or answers late; the same orders without any collector, before and after, say how long they take on this machine.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { startLocal, type Local } from '@sagamore/local';
import { startTracing, type SpanRecord } from '@sagamore/telemetry';
import { z } from 'zod';
import { placeOrder } from './support/orders.js';
import { audit } from './audit/audit.js';

jest.setTimeout(240_000);

/** What answers after this long: far beyond an order, so that whoever waits for it shows. */
const lateMs = 3_000;
const orders = 40;
const roundsMax = 2;

type Manner = 'refuses' | 'accepts and never answers' | 'answers late';

interface Collector {
  readonly url: string;
  /** Connections that it has had. */
  readonly heard: () => number;
  stop(): Promise<void>;
}

/** A collector with bad manners, on a port of the system's choosing. */
async function collector(manner: Manner): Promise<Collector> {
  const sockets = new Set<Socket>();
  let heard = 0;
  const server = createServer((socket) => {
    heard++;
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
    if (manner === 'answers late') answerLate(socket);
    else socket.resume();
  });
  const url = await listening(server);
  const stop = (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  if (manner !== 'refuses') return { url, heard: () => heard, stop };
  // A port where somebody was: it refuses from now on.
  await stop();
  return { url, heard: () => 0, stop: async () => {} };
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the collector has no port');
  return `http://127.0.0.1:${address.port}`;
}

/** One answer for each request on the connection, whose bodies are never empty. */
function answerLate(socket: Socket): void {
  socket.on('data', (chunk) => {
    if (!chunk.includes('POST /v1/')) return;
    setTimeout(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'), lateMs).unref();
  });
}

const answered = z.object({ status: z.string() });

/** Places orders a few at a time, waits for the end of each, and answers how long the middle one took, ms. */
async function middleOf({ url }: Local): Promise<number> {
  const took: number[] = [];
  for (let group = 0; group < orders / 10; group++)
    took.push(...(await Promise.all(Array.from({ length: 10 }, () => placed(url)))));
  return took.toSorted((left, right) => left - right)[orders / 2] ?? Infinity;
}

async function placed(url: string): Promise<number> {
  const begunAt = performance.now();
  const response = await placeOrder(url);
  expect(response.status).toBe(200);
  expect(answered.parse(await response.json())).toEqual({ status: 'CONFIRMED' });
  return performance.now() - begunAt;
}

const directories: string[] = [];
const stacks: Local[] = [];
let plain: Local;

async function stack(env: Readonly<Record<string, string>>): Promise<Local> {
  const directory = mkdtempSync(join(tmpdir(), 'sagamore-collector-'));
  await chmod(directory, 0o755);
  directories.push(directory);
  const started = await startLocal({ directory, port: 0, env: { LOG_LEVEL: 'silent', ...env } });
  stacks.push(started);
  return started;
}

async function end(from: number): Promise<void> {
  for (const started of stacks.splice(from)) await started.stop();
  for (const directory of directories.splice(from)) rmSync(directory, { recursive: true, force: true });
}

describe('R25: a collector', () => {
  beforeAll(async () => {
    plain = await stack({});
    await middleOf(plain);
  });
  afterEach(() => end(1));
  afterAll(async () => {
    setFlagsFromString('--no-expose-gc');
    await end(0);
  });

  test.each<Manner>(['refuses', 'accepts and never answers', 'answers late'])(
    'that %s: no order is slower than without it, and none is lost',
    async (manner) => {
      const { url: endpoint, heard, stop } = await collector(manner);
      const traced = await stack({ TRACE_PERCENT: '100', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
      await middleOf(traced);
      const without: number[] = [];
      const having: number[] = [];
      for (let round = 0; round < roundsMax; round++) {
        without.push(await middleOf(plain));
        having.push(await middleOf(traced));
      }
      // The best of each: what else the machine does comes and goes, a wait for a collector would not.
      expect(Math.min(...having)).toBeLessThan(2 * Math.min(...without) + lateMs / 10);
      if (manner !== 'refuses') expect(heard()).toBeGreaterThan(0);
      const findings = await audit(
        {
          directory: directories.at(-1) ?? '',
          environment: {},
          waitSeconds: 20,
          mayStart: false,
          providers: true,
        },
        { progress: () => {}, finding: () => {} },
      );
      expect(findings.filter(({ violations }) => violations.length > 0)).toEqual([]);
      const stoppedAt = performance.now();
      await traced.stop();
      // Handing over what is left is tried for two seconds, once for spans and once for numbers.
      expect(performance.now() - stoppedAt).toBeLessThan(14_000);
      await stop();
    },
  );

  test('that never answers: what waits for it stays bounded, whatever is told, and the rest is counted', async () => {
    const { url: endpoint, stop } = await collector('accepts and never answers');
    const tracing = await startTracing({ service: 'orchestrator', endpoint });
    try {
      const told = 300_000;
      const before = heapInUse();
      for (let index = 0; index < told; index += 100) {
        tracing.emit(Array.from({ length: 100 }, (_, at) => span(index + at)));
        if (index % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      const grownMib = (heapInUse() - before) / 1_048_576;
      // 8 192 in the queue, and what is on its way at that moment.
      expect(told - tracing.dropped).toBeLessThan(40_000);
      expect(grownMib).toBeLessThan(100);
    } finally {
      await tracing.stop();
      await stop();
    }
  });
});

function span(index: number): SpanRecord {
  const spanId = (index + 1).toString(16).padStart(16, '0');
  return {
    traceId: spanId.repeat(2),
    spanId,
    name: 'charge-payment action',
    startMs: 1_700_000_000_000,
    endMs: 1_700_000_000_100,
    attributes: { 'sagamore.step': 'charge-payment', 'sagamore.attempt': 1 },
  };
}

function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
  return process.memoryUsage().heapUsed;
}
