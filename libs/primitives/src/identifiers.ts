/**
 * Ids whose order is roughly the order of their making, so that new rows lie beside each other in an index
 * and old ones can be dropped by range.
 */
import { createHash, randomFillSync } from 'node:crypto';

const pool = new Uint8Array(16 * 256);
let used = pool.length;
let last = { ms: -1, count: 0 };

/** A UUID of version 7 (RFC 9562 §5.7) for the instant `nowMs`. Those that one process makes in a row for one millisecond
 *  sort in the order of their making (§6.2, method 1: 12 bits count, begun at random in their lower half), up to 2048 of
 *  them. Unique for all practical purposes: 62 random bits beside the count. */
export function uuidv7(nowMs: number): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = Buffer.from(pool.subarray(used, used + 16));
  used += 16;
  const ms = Math.trunc(nowMs);
  const count = ms === last.ms ? last.count + 1 : bytes.readUInt16BE(6) & 0x7ff;
  last = { ms, count };
  bytes.writeUIntBE(ms, 0, 6);
  bytes.writeUInt16BE(0x7000 | (count & 0xfff), 6);
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return textOf(bytes);
}

/** A UUID of version 8 (RFC 9562 §5.8): the same for the same `origin`, itself a UUID, and `name`; for others another, as
 *  far as 74 bits of a hash tell. Its first 48 bits are those of `origin`, so it sorts beside it. */
export function derivedUuid(origin: string, name: string): string {
  const bytes = createHash('sha256').update(`${origin}/${name}`).digest().subarray(0, 16);
  bytes.write(origin.replaceAll('-', '').slice(0, 12), 'hex');
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return textOf(bytes);
}

function textOf(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The least UUID of version 7 for the instant `ms`: below it lies what was made earlier. */
export function firstUuidAt(ms: number): string {
  const hex = Math.max(0, Math.trunc(ms)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Whether `text` is a UUID in its canonical lower-case form. */
export function isUuid(text: string): boolean {
  return uuidForm.test(text);
}
