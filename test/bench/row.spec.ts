/**
 * Goal: what a transaction cost is read rightly from two looks. Method: looks whose counters are known.
 */
import { expect, test } from '@jest/globals';
import { optionsFor } from './row.fixture.js';
import { median, messagesIn, rowOf, type Look } from './row.js';

const look = (completed: number, factor: number): Look => ({
  mark: { completed, atMs: 1_000 * factor },
  processes: {
    cpuMs: { local: 100 * factor, postgres: 50 * factor, generator: 10 * factor, bench: 5 * factor },
    memoryMib: { local: 90 + 10 * factor, bench: 70 },
    rssMib: { local: 120, bench: 99 },
    machineMs: 265 * factor,
  },
  database: {
    rows: 300 * factor,
    commits: 20 * factor,
    walBytes: 4_000 * factor,
    walFullPages: 0,
    walSyncs: 10 * factor,
  },
  statements: 60 * factor,
  messages: 80 * factor,
});

const row = rowOf({
  options: optionsFor('local', '--rate', '20'),
  entry: 'rest',
  first: look(10, 1),
  last: look(20, 2),
  result: { latency: { p50: 1, p99: 2, max: 3 }, placed: 25, wrong: 0, otherwise: 0, samples: [] },
  problems: [],
});

test('figures are of one transaction, and those of the load generator and of the bench stand apart', () => {
  expect(row).toMatchObject({
    transactions: 10,
    perSecond: 10,
    cpuMs: { total: 15, byProcess: { local: 10, postgres: 5 } },
    generatorCpuMs: 1,
    rows: 30,
    commits: 2,
    walBytes: 400,
    fsyncs: 1,
    statements: 6,
    messages: 8,
  });
  expect(row.foreignCores).toBeCloseTo(0.1);
});

test('an open loop has a rate and no clients', () => {
  expect(row).toMatchObject({ rate: 20, clients: 0 });
});

test('memory is told of every process but the bench', () => {
  expect(row.memoryMib).toEqual({ local: [100, 110] });
  expect(row.rssMib).toEqual({ local: 120 });
});

test('messages are summed over topics, and other metrics are passed over', () => {
  const text = [
    '# TYPE sagamore_messages_sent_total counter',
    'sagamore_messages_sent_total{topic="order.events"} 2',
    'sagamore_messages_sent_total{topic="orchestrator.inbox"} 1.5e+3',
    'sagamore_messages_sent_total_created{topic="x"} 7',
    'sagamore_dead_letters_total{topic="x"} 9',
  ].join('\n');
  expect(messagesIn(text)).toBe(1_502);
  expect(messagesIn('')).toBe(0);
});

test('the median of an even number is the mean of the middle two', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([])]).toEqual([2, 2.5, 0]);
});
