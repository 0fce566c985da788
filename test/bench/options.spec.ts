/**
 * Goal: the bench does what its command line says, and refuses what it does not know. Method: arguments in, options out.
 */
import { expect, test } from '@jest/globals';
import { axes, readOptions } from './options.js';

test('each command has its own defaults', () => {
  expect(readOptions(['local'])).toMatchObject({
    what: 'bench',
    options: { profile: 'local', clients: 256, seconds: 15, warmUp: 5, runs: 1, protocol: 'saga' },
  });
  expect(readOptions(['kafka'])).toMatchObject({
    what: 'bench',
    options: { profile: 'kafka', clients: 1_024 },
  });
  expect(readOptions(['latency'])).toMatchObject({ what: 'latency', options: { rate: 20 } });
  expect(readOptions(['smoke'])).toMatchObject({
    record: false,
    options: { seconds: 3, warmUp: 1, runs: 3 },
  });
  expect(readOptions(['growth'])).toMatchObject({ axes, most: 1_000_000, options: { seconds: 10 } });
});

test('what is not asked for is not there', () => {
  expect(readOptions(['local'])).not.toHaveProperty('options.rate');
  expect(readOptions(['local'])).not.toHaveProperty('options.transactions');
  expect(readOptions(['growth'])).not.toHaveProperty('options.pictures');
});

test('one axis, one protocol and a number of transactions can be asked for', () => {
  expect(readOptions(['growth', '--only', 'finished', '--most', '10000000'])).toMatchObject({
    axes: ['finished'],
    most: 10_000_000,
  });
  expect(readOptions(['kafka', '--protocol', 'two-phase-commit'])).toMatchObject({
    options: { protocol: 'two-phase-commit' },
  });
  expect(readOptions(['local', '--transactions', '500000'])).toMatchObject({
    options: { transactions: 500_000 },
  });
});

test.each([
  [[], 'wanted one of'],
  [['local', 'kafka'], 'wanted one of'],
  [['moon'], 'wanted one of'],
  [['growth', '--only', 'moon'], '--only takes'],
  [['local', '--protocol', 'toString'], '--protocol takes'],
  [['local', '--entry', 'door'], '--entry takes'],
  [['local', '--clients', '0'], '--clients takes'],
])('%j is refused by name', (args, message) => {
  expect(() => readOptions(args)).toThrow(message);
});
