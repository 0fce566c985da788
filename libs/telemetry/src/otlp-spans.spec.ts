/**
 * Goal: what a collector is sent is what the library would have sent of the same spans.
 * Method: the library's own serializer is the oracle, byte for byte, over generated spans; the sizes at which a length
 * takes another byte are met by name.
 */
import { resourceFromAttributes } from '@opentelemetry/resources';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { otlpOf } from './otlp-spans.js';
import type { SpanRecord } from './span.js';
import { ToldSpan } from './told-span.js';

const resource = resourceFromAttributes({ 'service.name': 'order', 'service.namespace': 'sagamore' });
const told = (record: SpanRecord): ToldSpan => new ToldSpan(record, resource);
const sentOf = (spans: ToldSpan[]): Buffer => Buffer.from(otlpOf(spans));
const meantOf = (spans: ToldSpan[]): Buffer =>
  Buffer.from(ProtobufTraceSerializer.serializeRequest(spans) ?? []);
const bare: SpanRecord = {
  traceId: '0199a1b2c3d47e5f8a6b0c1d2e3f4a5b',
  spanId: '00000000000000ab',
  name: 'charge-payment action',
  startMs: 1_700_000_000_123,
  endMs: 1_700_000_000_456,
  attributes: {},
};

const hex = (digits: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.integer({ min: 0, max: 15 }).map((digit) => digit.toString(16)),
    minLength: digits,
    maxLength: digits,
  });
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ minLength: 120, maxLength: 140 }),
);
const value = fc.oneof(text, fc.boolean(), fc.maxSafeNat(), fc.double({ noInteger: true, noNaN: true }));
const reference = fc.record({ traceId: hex(32), spanId: hex(16) });
const record: fc.Arbitrary<SpanRecord> = fc.record(
  {
    traceId: hex(32),
    spanId: hex(16),
    parentSpanId: hex(16),
    name: text,
    kind: fc.constantFrom('internal', 'server', 'client', 'producer', 'consumer'),
    startMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    endMs: fc.double({ min: 0, max: 4_000_000_000_000, noNaN: true }),
    attributes: fc.dictionary(text, value, { maxKeys: 12 }),
    error: text,
    links: fc.array(reference, { maxLength: 3 }),
  },
  { requiredKeys: ['traceId', 'spanId', 'name', 'startMs', 'endMs', 'attributes'] },
);

test('spans are the bytes that the library makes of them', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), (records) => {
      const spans = records.map(told);
      expect(sentOf(spans)).toEqual(meantOf(spans));
    }),
    { numRuns: 500 },
  );
});

test.each([0, 126, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])(
  'a text of %i bytes keeps its length, though it outgrows what was set aside',
  (length) => {
    const spans = [told({ ...bare, attributes: { note: 'x'.repeat(length) } })];
    expect(sentOf(spans).equals(meantOf(spans))).toBe(true);
  },
);

test('a count below zero is told as a fraction is, and no spans are no bytes', () => {
  const [sent, meant] = [-1, 0].map((count) => otlpOf([told({ ...bare, attributes: { count } })]).byteLength);
  expect(sent).toBe((meant ?? 0) + 7);
  expect(otlpOf([])).toHaveLength(0);
});
