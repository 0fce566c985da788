/**
 * An envelope as a Kafka record and back: CloudEvents 1.0 in binary mode (`ce_*` headers, the data alone as the value)
 * plus W3C `traceparent`. Stop 4 of the order's road.
 * Everything that arrives is checked here and nowhere later; must never trust a header or a body, and never change one.
 */
import { isUtf8 } from 'node:buffer';
import { Fault } from '@sagamore/resilience';
import type { Message } from '@sagamore/runtime';

/** What the client takes: a record without its topic and partition. */
export interface EncodedRecord {
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** About what it costs on the wire, for the bounds of a request. */
  readonly bytes: number;
}

/** What the client hands over: as `EncodedRecord`, but anybody may have written it. */
export interface ReceivedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

const traceparentForm = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const hybridTimeForm = /^\d{1,16}\.\d{1,10}$/;
/** Ids become rows and log lines: control characters would be refused by the one and forge the other. */
// oxlint-disable-next-line no-control-regex
const controlCharacter = /[\u0000-\u001f\u007f]/;
const idLengthMax = 1_024;
/** Length, offset, timestamp and the record's share of its batch. */
const recordOverheadBytes = 64;

/** Turns a message into a record, stamped with `hybridTime` where one is given.
 *  Throws `DATA_REJECTED` when its data is no JSON or its instant no date: no broker could ever carry it. */
export function encodeRecord(message: Message, hybridTime?: string): EncodedRecord {
  const value = encodeBody(message);
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: message.id,
    ce_type: message.type,
    ce_source: message.source,
    ce_time: encodeInstant(message),
    'content-type': 'application/json',
  };
  if (message.traceparent !== undefined) headers['traceparent'] = message.traceparent;
  if (message.causationId !== undefined) headers['ce_causationid'] = message.causationId;
  const stamp = hybridTime ?? message.hybridTime;
  if (stamp !== undefined) headers['ce_hybridtime'] = stamp;
  return { key: message.key, value, headers, bytes: sizeOf(message.key, value, headers) };
}

/** Reads the message of a record of `topic` (the name without prefix). Throws `MESSAGE_MALFORMED` with the reason when it
 *  is not one of ours; a bad trace context or hybrid time alone is ignored, as the trace standard asks. */
export function decodeRecord(record: ReceivedRecord, topic: string): Message {
  const version = header(record, 'ce_specversion');
  if (version !== '1.0') throw malformed(`wanted ce_specversion 1.0, found ${version ?? 'none'}`);
  return {
    id: identifier(record, 'ce_id'),
    type: identifier(record, 'ce_type'),
    source: identifier(record, 'ce_source'),
    topic,
    key: decodeKey(record),
    occurredAt: decodeInstant(record),
    ...optional('causationId', header(record, 'ce_causationid')),
    ...optional('traceparent', traceparentIn(record)),
    ...optional('hybridTime', matching(header(record, 'ce_hybridtime'), hybridTimeForm)),
    data: decodeBody(record),
  };
}

/** The W3C trace context of a record; undefined when there is none that is well formed. */
export function traceparentIn(record: ReceivedRecord): string | undefined {
  return matching(header(record, 'traceparent'), traceparentForm);
}

/** The text of a header; undefined when it is absent, repeated or not UTF-8. */
export function header(record: ReceivedRecord, name: string): string | undefined {
  const { headers } = record;
  // A header may be called `__proto__`; only what is the object's own was ever sent.
  const value = headers !== undefined && Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) && isUtf8(value) ? value.toString('utf8') : undefined;
}

function encodeBody({ id, data }: Message): Buffer {
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch (cause) {
    throw new Fault('DATA_REJECTED', `message ${id}: its data is not JSON`, { retryable: false, cause });
  }
  if (text === undefined)
    throw new Fault('DATA_REJECTED', `message ${id}: it has no data`, { retryable: false });
  return Buffer.from(text);
}

function encodeInstant({ id, occurredAt }: Message): string {
  const instant = new Date(occurredAt);
  if (!Number.isNaN(instant.getTime())) return instant.toISOString();
  throw new Fault('DATA_REJECTED', `message ${id}: wanted ms as occurredAt, found ${occurredAt}`, {
    retryable: false,
  });
}

function sizeOf(key: string, value: Buffer, headers: Readonly<Record<string, string>>): number {
  let bytes = recordOverheadBytes + Buffer.byteLength(key) + value.length;
  for (const name in headers) bytes += name.length + Buffer.byteLength(headers[name]!) + 4;
  return bytes;
}

function identifier(record: ReceivedRecord, name: string): string {
  const text = header(record, name);
  if (text === undefined || text === '') throw malformed(`header ${name} is missing`);
  return checkIdentifier(text, `header ${name}`);
}

function decodeKey({ key }: ReceivedRecord): string {
  if (key === null || !isUtf8(key)) throw malformed('the key is missing or not UTF-8');
  return checkIdentifier(key.toString('utf8'), 'the key');
}

function checkIdentifier(text: string, what: string): string {
  if (text.length > idLengthMax)
    throw malformed(`${what} has ${text.length} characters, at most ${idLengthMax}`);
  if (controlCharacter.test(text)) throw malformed(`${what} holds a control character`);
  return text;
}

function decodeInstant(record: ReceivedRecord): number {
  const at = Date.parse(header(record, 'ce_time') ?? '');
  if (Number.isNaN(at)) throw malformed('header ce_time is missing or no instant');
  return at;
}

function decodeBody({ value }: ReceivedRecord): unknown {
  if (value === null || !isUtf8(value)) throw malformed('the body is missing or not UTF-8');
  const text = value.toString('utf8');
  try {
    // The reviver costs much, so it runs only where a key could be the dangerous one, escaped spellings included.
    return mayHoldPrototype(text) ? JSON.parse(text, dropPrototype) : JSON.parse(text);
  } catch (cause) {
    throw malformed('the body is not JSON', cause);
  }
}

function mayHoldPrototype(text: string): boolean {
  return text.includes('__proto__') || text.includes('\\u');
}

/** `JSON.parse` makes `__proto__` a harmless key of its own, but the next spread or merge would follow it. */
function dropPrototype(this: unknown, key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value;
}

function matching(text: string | undefined, form: RegExp): string | undefined {
  return text !== undefined && form.test(text) ? text : undefined;
}

function optional<Name extends string>(
  name: Name,
  value: string | undefined,
): { readonly [N in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [N in Name]: string });
}

function malformed(reason: string, cause?: unknown): Fault {
  return new Fault('MESSAGE_MALFORMED', reason, { retryable: false, cause });
}
