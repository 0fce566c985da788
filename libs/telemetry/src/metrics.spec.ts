/**
 * Goal: what was told is what is read, in a bounded number of series, and whoever asks waits for nobody. Method: a registry
 * of real cells, read as Prometheus reads it and as a collector does.
 */
import { createServer } from 'node:http';
import { describe, expect, jest, test } from '@jest/globals';
import { metricCatalogue } from './metric-catalogue.js';
import { prometheusText, startMetricPush } from './metric-export.js';
import { MetricRegistry, seriesMax } from './metrics.js';

const started = { definition: 'place-order', protocol: 'saga' };

/** The lines of the text that are no comments, by what stands before the value. */
async function lines(registry: MetricRegistry): Promise<ReadonlyMap<string, number>> {
  const text = await prometheusText(registry);
  const found = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(found.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

describe('what Prometheus reads', () => {
  test('counters add up, each set of labels for itself', async () => {
    const registry = new MetricRegistry();
    registry.add('transactionsStarted', started);
    registry.add('transactionsStarted', started, 2);
    registry.add('transactionsStarted', { ...started, protocol: 'tcc' });
    const found = await lines(registry);
    const name = 'sagamore_transactions_started_total';
    expect(found.get(`${name}{definition="place-order",protocol="saga"}`)).toBe(3);
    expect(found.get(`${name}{definition="place-order",protocol="tcc"}`)).toBe(1);
  });

  test('a histogram says how many fell under each bound, their count and their sum', async () => {
    const registry = new MetricRegistry();
    const labels = { topic: 'payment.commands', group: 'payment' };
    for (const size of [1, 7, 10, 11, 90_000]) registry.observe('batchSize', labels, size);
    const found = await lines(registry);
    const bucket = (le: string) =>
      found.get(`sagamore_batch_size_bucket{topic="payment.commands",group="payment",le="${le}"}`);
    expect([bucket('1'), bucket('10'), bucket('20'), bucket('5000'), bucket('+Inf')]).toEqual([
      1, 3, 4, 4, 5,
    ]);
    expect(found.get('sagamore_batch_size_sum{topic="payment.commands",group="payment"}')).toBe(90_029);
    expect(found.get('sagamore_batch_size_count{topic="payment.commands",group="payment"}')).toBe(5);
  });

  test('a gauge is what it was set to last, or what is found when somebody asks', async () => {
    const registry = new MetricRegistry();
    registry.set('inDoubt', { service: 'payment' }, 3);
    registry.set('inDoubt', { service: 'payment' }, 1);
    let epoch = 4;
    registry.watch('shardEpoch', () => [{ labels: { shard: '0' }, value: epoch }]);
    expect(await lines(registry)).toEqual(
      new Map([
        ['sagamore_in_doubt{service="payment"}', 1],
        ['sagamore_shard_epoch{shard="0"}', 4],
      ]),
    );
    epoch = 5;
    expect((await lines(registry)).get('sagamore_shard_epoch{shard="0"}')).toBe(5);
  });

  test('B84: what stands in a label cannot begin a line of its own', async () => {
    const registry = new MetricRegistry();
    registry.add('faults', { service: 'payment', code: 'x"} 1\nsagamore_shards 9' });
    expect((await lines(registry)).has('sagamore_shards')).toBe(false);
  });

  test('B110: 50 000 distinct values of a label make a bounded number of series, and nothing is lost', async () => {
    const registry = new MetricRegistry();
    for (let index = 0; index < 50_000; index++)
      registry.add('transactionsStarted', { ...started, definition: `sku-${index}` });
    const found = await lines(registry);
    expect(found.size).toBe(seriesMax + 1);
    expect(found.get('sagamore_transactions_started_total{definition="other",protocol="other"}')).toBe(
      50_000 - seriesMax,
    );
    registry.watch('breakerState', () =>
      Array.from({ length: 50_000 }, (_, index) => ({ labels: { breaker: `b-${index}` }, value: 0 })),
    );
    expect((await lines(registry)).size).toBe(2 * seriesMax + 1);
  });
});

describe('R25: who is asked', () => {
  test('is asked once by all who ask at the same time', async () => {
    const registry = new MetricRegistry();
    let asked = 0;
    registry.watch('shards', async () => [{ labels: {}, value: ++asked }]);
    await Promise.all([registry.collect(), registry.collect(), registry.collect()]);
    expect(asked).toBe(1);
  });

  test('and fails, or hangs, is left out, and the others are read all the same', async () => {
    jest.useFakeTimers();
    try {
      const registry = new MetricRegistry();
      registry.watch('shards', () => Promise.reject(new Error('away')));
      registry.watch('transactionsInMemory', () => new Promise(() => {}));
      registry.add('bugs', {});
      const collected = registry.collect();
      await jest.advanceTimersByTimeAsync(2_000);
      expect((await collected).map(({ specification }) => specification.name)).toEqual([
        'sagamore_bugs_total',
      ]);
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('a collector', () => {
  test('is given the same over OTLP', async () => {
    const posted = Promise.withResolvers<{
      url?: string | undefined;
      type?: string | undefined;
      text: string;
    }>();
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const text = Buffer.concat(parts).toString('latin1');
        posted.resolve({ url: request.url, type: request.headers['content-type'], text });
        response.writeHead(200).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const registry = new MetricRegistry();
    registry.add('transactionsStarted', started);
    const stop = await startMetricPush(registry, {
      service: 'orchestrator',
      endpoint: `http://127.0.0.1:${port}/`,
    });
    await stop();
    const { url, type, text } = await posted.promise;
    expect([url, type]).toEqual(['/v1/metrics', 'application/x-protobuf']);
    expect(text).toContain('sagamore_transactions_started_total');
    expect(text).toContain('orchestrator');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('that is away is no error of anybody', async () => {
    const stop = await startMetricPush(new MetricRegistry(), {
      service: 'orchestrator',
      endpoint: 'http://127.0.0.1:9',
      intervalMs: 10,
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await stop();
  });
});

describe('the catalogue', () => {
  const specifications = Object.values(metricCatalogue);

  test('names each metric once, in base units', () => {
    const names = specifications.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, kind, unit } of specifications) {
      expect([name, name.endsWith('_total')]).toEqual([name, kind === 'counter']);
      expect([name, name.endsWith('_seconds')]).toEqual([name, unit === 'seconds']);
    }
  });

  test('B110: has no label that a caller fills', () => {
    const labels = new Set<string>(specifications.flatMap(({ labels: some }) => some));
    for (const label of ['customer', 'order', 'sku', 'transaction', 'path', 'message', 'tenant'])
      expect([...labels]).not.toContain(label);
  });
});
