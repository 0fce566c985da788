/**
 * Goal: an envelope survives the wire, and nothing that is no envelope gets through.
 * Method: records as the client would hand them over, no broker.
 */
import { describe, expect, test } from '@jest/globals';
import { Fault } from '@sagamore/resilience';
import type { Message } from '@sagamore/runtime';
import { deadLetterOf, isDeadLetterTopic } from './dead-letter.js';
import { decodeRecord, encodeRecord, header, type ReceivedRecord } from './record.js';

const message: Message = {
  id: '0199/reserve/action',
  type: 'inventory.reserve',
  source: 'orchestrator',
  topic: 'inventory.commands',
  key: '01998b5e-0000-7000-8000-000000000001',
  occurredAt: 1_763_800_000_123,
  causationId: 'cause-1',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  data: { lines: [{ sku: 'TEA-1', quantity: 2 }], note: 'Grüße, 你好' },
};

/** What the client would hand over for the message: keys and headers as bytes. */
function received(
  sent: Message = message,
  hybridTime?: string,
): ReceivedRecord & { headers: Record<string, unknown> } {
  const { key, value, headers } = encodeRecord(sent, hybridTime);
  const bytes = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]);
  return { key: Buffer.from(key), value, headers: Object.fromEntries(bytes) };
}

function without(name: string): ReceivedRecord {
  const record = received();
  return {
    ...record,
    headers: Object.fromEntries(Object.entries(record.headers).filter(([key]) => key !== name)),
  };
}

function withHeader(name: string, value: unknown): ReceivedRecord {
  const record = received();
  return { ...record, headers: { ...record.headers, [name]: value } };
}

function withBody(text: string): ReceivedRecord {
  return { ...received(), value: Buffer.from(text) };
}

function faultOf(work: () => unknown): Fault {
  try {
    work();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a message as a record', () => {
  test('comes back as it went', () => {
    expect(decodeRecord(received(), message.topic)).toEqual(message);
  });

  test('carries CloudEvents headers in binary mode and the data alone as its value', () => {
    const { headers, value } = encodeRecord(message);
    expect(headers).toEqual({
      ce_specversion: '1.0',
      ce_id: message.id,
      ce_type: message.type,
      ce_source: message.source,
      ce_time: '2025-11-22T08:26:40.123Z',
      ce_causationid: 'cause-1',
      'content-type': 'application/json',
      traceparent: message.traceparent,
    });
    expect(JSON.parse(value.toString())).toEqual(message.data);
  });

  test('carries the stamp of the hybrid clock', () => {
    const decoded = decodeRecord(received(message, '1763800000123.7'), message.topic);
    expect(decoded.hybridTime).toBe('1763800000123.7');
  });

  test.each([
    ['a bigint', 1n],
    ['nothing', undefined],
    ['a function', () => 1],
  ])('is refused for ever when its data is %s', (_, data) => {
    const fault = faultOf(() => encodeRecord({ ...message, data }));
    expect(fault).toMatchObject({ code: 'DATA_REJECTED', retryable: false });
  });

  test('is refused for ever when its instant is no date', () => {
    expect(faultOf(() => encodeRecord({ ...message, occurredAt: Number.NaN })).code).toBe('DATA_REJECTED');
  });
});

describe('a record that is no message', () => {
  test.each(['ce_specversion', 'ce_id', 'ce_type', 'ce_source', 'ce_time'])(
    'S54: without %s is malformed',
    (name) => {
      expect(faultOf(() => decodeRecord(without(name), 't'))).toMatchObject({
        code: 'MESSAGE_MALFORMED',
        retryable: false,
      });
    },
  );

  test.each([
    ['another version of the envelope', withHeader('ce_specversion', Buffer.from('999'))],
    ['a header given twice', withHeader('ce_id', [Buffer.from('a'), Buffer.from('b')])],
    ['a header that is not UTF-8', withHeader('ce_id', Buffer.from([0xff, 0xfe]))],
    ['a NUL in an id', withHeader('ce_id', Buffer.from('a\u0000b'))],
    ['a line break in a type', withHeader('ce_type', Buffer.from('a\nb'))],
    ['an id of 100,000 characters', withHeader('ce_id', Buffer.from('x'.repeat(100_000)))],
    ['a time that is none', withHeader('ce_time', Buffer.from('yesterday'))],
    ['no key', { ...received(), key: null }],
    ['no body', { ...received(), value: null }],
    ['no headers', { key: Buffer.from('k'), value: Buffer.from('{}') }],
    ['a body that is not JSON', withBody('{"a":')],
    ['an empty body', withBody('')],
    ['a body that is not UTF-8', { ...received(), value: Buffer.from([0x22, 0xff, 0x22]) }],
  ])('B97: %s is malformed', (_, record) => {
    expect(faultOf(() => decodeRecord(record, 't')).code).toBe('MESSAGE_MALFORMED');
  });

  test.each([
    ['{"__proto__":{"admin":true},"a":1}'],
    ['{"\\u005f_proto__":{"admin":true},"a":1}'],
    ['{"a":1,"b":{"__proto__":{"admin":true}}}'],
  ])('B67: a prototype key in the body %s reaches nobody', (text) => {
    const data = decodeRecord(withBody(text), 't').data as Record<string, Record<string, unknown>>;
    const merged = Object.assign({}, data, data['b'] ?? {});
    expect(data['a']).toBe(1);
    expect(Object.hasOwn(data, '__proto__')).toBe(false);
    expect((merged as Record<string, unknown>)['admin']).toBeUndefined();
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  test('B67: a value that merely mentions the prototype key is kept', () => {
    expect(decodeRecord(withBody('{"note":"__proto__"}'), 't').data).toEqual({ note: '__proto__' });
  });

  test('B97: a header called __proto__ names nothing', () => {
    const headers: Record<string, unknown> = JSON.parse('{"__proto__":{"ce_id":"forged"}}');
    expect(header({ key: null, value: null, headers }, 'ce_id')).toBeUndefined();
    const inherited: Record<string, unknown> = Object.create({ ce_id: Buffer.from('forged') });
    expect(header({ key: null, value: null, headers: inherited }, 'ce_id')).toBeUndefined();
  });

  test('a bad trace context or hybrid time alone is ignored', () => {
    const bad = {
      ...received().headers,
      traceparent: Buffer.from('00-x'),
      ce_hybridtime: Buffer.from('soon'),
    };
    const decoded = decodeRecord({ ...received(), headers: bad }, message.topic);
    expect(decoded.id).toBe(message.id);
    expect(decoded).not.toHaveProperty('traceparent');
    expect(decoded).not.toHaveProperty('hybridTime');
  });
});

describe('a dead letter', () => {
  const origin = { topic: 'inventory.commands', partition: 3, offset: '42' };

  test('I25: keeps the record as it came and says why and whence', () => {
    const record = { ...received(), value: Buffer.from('{"a":') };
    const letter = deadLetterOf(record, origin, 'the body is not JSON');
    expect(letter.topic).toBe('inventory.commands.dead-letters');
    expect(letter.key).toEqual(record.key);
    expect(letter.value).toEqual(record.value);
    expect(letter.headers).toMatchObject({
      dead_letter_reason: 'the body is not JSON',
      dead_letter_topic: 'inventory.commands',
      dead_letter_partition: '3',
      dead_letter_offset: '42',
      traceparent: record.headers['traceparent'],
      ce_id: record.headers['ce_id'],
    });
  });

  test('cannot be told a false origin by the record itself', () => {
    const record = withHeader('dead_letter_topic', Buffer.from('elsewhere'));
    expect(deadLetterOf(record, origin, 'r').headers['dead_letter_topic']).toBe('inventory.commands');
  });

  test('is known by its topic', () => {
    expect(isDeadLetterTopic('a.dead-letters')).toBe(true);
    expect(isDeadLetterTopic('a.commands')).toBe(false);
  });
});
