/**
 * Goal: spans arrive as they were told, and a collector that is slow, hung or away costs nothing but spans.
 * Method: exporters that answer, hang or throw, and a real HTTP listener for the wire.
 */
import { createServer } from 'node:http';
import { expect, test } from '@jest/globals';
import { ExportResultCode } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { SpanRecord } from './span.js';
import { noTracing, startTracing } from './tracing.js';

const traceId = '0199a1b2c3d47e5f8a6b0c1d2e3f4a5b';
const span = (spanId: string, more: Partial<SpanRecord> = {}): SpanRecord => ({
  traceId,
  spanId,
  name: 'charge-payment action',
  startMs: 1_700_000_000_123,
  endMs: 1_700_000_000_456,
  attributes: { 'sagamore.step': 'charge-payment' },
  ...more,
});

class Caught implements SpanExporter {
  readonly spans: ReadableSpan[] = [];
  private readonly unanswered: (() => void)[] = [];

  constructor(private readonly answers = true) {}

  export(...[spans, done]: Parameters<SpanExporter['export']>): void {
    this.spans.push(...spans);
    if (this.answers) done({ code: ExportResultCode.SUCCESS });
    else this.unanswered.push(() => done({ code: ExportResultCode.FAILED }));
  }

  async shutdown(): Promise<void> {}

  /** Ends the calls that hang, so that no timer of theirs outlives the test. */
  giveUp(): void {
    for (const end of this.unanswered) end();
  }
}

const endpoint = 'http://127.0.0.1:9';

test('a span arrives with the ids, the times and the words it was told with', async () => {
  const exporter = new Caught();
  const tracing = await startTracing({ service: 'orchestrator', endpoint, exporter });
  const links = [{ traceId, spanId: '00000000000000aa' }];
  tracing.emit([span('00000000000000ab', { parentSpanId: '00000000000000ac', error: 'refused', links })]);
  await tracing.stop();
  const [caught] = exporter.spans;
  expect(caught?.spanContext()).toMatchObject({ traceId, spanId: '00000000000000ab' });
  expect(caught?.parentSpanContext?.spanId).toBe('00000000000000ac');
  expect(caught?.startTime).toEqual([1_700_000_000, 123_000_000]);
  expect(caught?.duration).toEqual([0, 333_000_000]);
  expect(caught?.status).toEqual({ code: 2, message: 'refused' });
  expect(caught?.links[0]?.context.spanId).toBe('00000000000000aa');
  expect(caught?.resource.attributes['service.name']).toBe('orchestrator');
});

test('spans of messages name the system that carries them, others do not', async () => {
  const exporter = new Caught();
  const tracing = await startTracing({ service: 'order', endpoint, exporter, messagingSystem: 'memory' });
  const [sent, local] = ['00000000000000ab', '00000000000000ac'];
  tracing.emit([span(sent, { kind: 'producer' }), span(local)]);
  await tracing.stop();
  const systems = exporter.spans.map(({ attributes }) => attributes['messaging.system']);
  expect(systems).toEqual(['memory', undefined]);
});

test('R25: before a collector that hangs the queue is bounded, the rest is dropped and counted, and stopping ends', async () => {
  const exporter = new Caught(false);
  const tracing = await startTracing({ service: 'orchestrator', endpoint, exporter, queueMax: 10 });
  const startedAt = performance.now();
  for (let index = 0; index < 100; index++) tracing.emit([span(index.toString(16).padStart(16, '1'))]);
  // Ten are on their way to it and ten wait behind them.
  expect(tracing.dropped).toBe(80);
  await tracing.stop();
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  exporter.giveUp();
});

test('a collector that is away is no error of anybody', async () => {
  const tracing = await startTracing({ service: 'orchestrator', endpoint, intervalMs: 10 });
  tracing.emit([span('00000000000000ab')]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await tracing.stop();
  tracing.emit([span('00000000000000ac')]);
});

test('over the wire it is OTLP', async () => {
  const posted = Promise.withResolvers<{
    url: string | undefined;
    type: string | undefined;
    bytes: number;
  }>();
  const server = createServer((request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.byteLength));
    request.on('end', () => {
      posted.resolve({ url: request.url, type: request.headers['content-type'], bytes });
      response.writeHead(200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const tracing = await startTracing({ service: 'orchestrator', endpoint: `http://127.0.0.1:${port}/` });
  tracing.emit([span('00000000000000ab')]);
  await tracing.stop();
  expect(await posted.promise).toMatchObject({ url: '/v1/traces', type: 'application/x-protobuf' });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('where nothing is traced nobody need make a span', () => {
  expect(noTracing.isOn).toBe(false);
});
