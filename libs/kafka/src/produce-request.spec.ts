/**
 * Goal: a produce request is what the client itself would have sent.
 * Method: the client's own encoder is the oracle, byte for byte, over generated records; time stands still, because both
 * stamp a batch with the instant.
 */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { clientsOwn, ours, type ProduceArguments, type ProducedRecord } from './produce-request.js';

beforeAll(() => {
  jest.useFakeTimers({ doNotFake: ['setTimeout', 'setImmediate', 'nextTick', 'queueMicrotask'] });
});
afterAll(() => void jest.useRealTimers());

async function bytesOf(make: typeof clientsOwn, asked: ProduceArguments): Promise<Buffer> {
  return Buffer.from((await make({ version: 7 })(asked).request.encode()).buffer);
}

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ minLength: 60, maxLength: 70 }),
);
const bytes = fc.uint8Array({ maxLength: 300 }).map((given) => Buffer.from(given));
const content = fc.oneof(text, bytes);
const record: fc.Arbitrary<ProducedRecord> = fc.record(
  {
    key: fc.oneof(text, bytes, fc.constant(null)),
    value: fc.oneof(text, bytes, fc.constant(null)),
    headers: fc.dictionary(
      text,
      fc.oneof({ arbitrary: content, weight: 20 }, fc.array(content, { maxLength: 3 })),
    ),
  },
  { requiredKeys: ['value'] },
);
const partition = fc.record({
  partition: fc.nat(20),
  firstSequence: fc.nat(1_000_000),
  messages: fc.array(record, { minLength: 1, maxLength: 70 }),
});
const asked = fc.record({
  acks: fc.constant(-1),
  timeout: fc.nat(60_000),
  producerId: fc.nat(1_000_000).map(String),
  producerEpoch: fc.nat(100),
  topicData: fc.array(
    fc.record({
      topic: fc.string({ minLength: 1, maxLength: 40 }),
      partitions: fc.array(partition, { maxLength: 3 }),
    }),
    { maxLength: 3 },
  ),
});

test('a request is the bytes that the client makes of it', async () => {
  await fc.assert(
    fc.asyncProperty(asked, async (given) => {
      expect(await bytesOf(ours, given)).toEqual(await bytesOf(clientsOwn, given));
    }),
    { numRuns: 150 },
  );
});

test('a record that has an instant of its own keeps it', async () => {
  const messages = [
    { value: 'a', timestamp: '1700000000000' },
    { value: 'b', timestamp: '1700000000123' },
  ];
  const given = {
    acks: -1,
    timeout: 1,
    topicData: [{ topic: 't', partitions: [{ partition: 0, messages }] }],
  };
  expect(await bytesOf(ours, given)).toEqual(await bytesOf(clientsOwn, given));
});

test.each([0, 63, 64, 8_191, 8_192, 1_048_575, 1_048_576])(
  'a value of %i bytes keeps its length',
  async (length) => {
    const messages = [{ value: Buffer.alloc(length, 'x') }];
    const given = {
      acks: -1,
      timeout: 1,
      topicData: [{ topic: 't', partitions: [{ partition: 0, messages }] }],
    };
    expect((await bytesOf(ours, given)).equals(await bytesOf(clientsOwn, given))).toBe(true);
  },
);
