/**
 * How large what a transaction carries may be, and what becomes of what is larger: it is refused where nothing has happened
 * yet, and shrunk where it has, so that no transaction gets stuck because of its own size (S105). An undo carries an input and
 * an output, so the limit is well below half of what brokers take by default.
 */
import { failed, partOf, refused, type Half, type Reply } from '@sagamore/engine';

/** Bytes of one input, one output or one reply as JSON text; the same as the largest body that REST takes. */
export const payloadBytesMax = 262_144;

/** How many bytes a text takes, where `room` are left. */
type Measure = (text: string, room: number) => number;

/** No character takes more than its six as an escape. Nearly every payload is far below the limit even so. */
const atMost: Measure = (text) => 6 * text.length + 2;

/** A text that is longer in characters is longer in bytes; only the others are worth the exact count. */
const exactly: Measure = (text, room) =>
  text.length > room ? text.length : Buffer.byteLength(JSON.stringify(text));

/** Whether `value` is within the limit. Stops looking as soon as it is not. */
export function fits(value: unknown): boolean {
  return left(value, payloadBytesMax, atMost) >= 0 || left(value, payloadBytesMax, exactly) >= 0;
}

/** The room that `value` as JSON leaves of `room`; below zero when it does not fit. */
function left(value: unknown, room: number, measure: Measure): number {
  if (typeof value === 'string') return room - measure(value, room);
  if (typeof value !== 'object' || value === null) return room - String(value).length;
  return Array.isArray(value) ? leftOfList(value, room, measure) : leftOfObject(value, room, measure);
}

function leftOfList(items: readonly unknown[], room: number, measure: Measure): number {
  let rest = room - Math.max(2, items.length + 1);
  for (const item of items) {
    if (rest < 0) return rest;
    rest = left(item, rest, measure);
  }
  return rest;
}

function leftOfObject(value: object, room: number, measure: Measure): number {
  let rest = room - 2;
  let members = 0;
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    if (rest < 0) return rest;
    // A colon behind each name, a comma before each member but the first.
    rest = left(member, rest - measure(name, rest) - (members++ === 0 ? 1 : 2), measure);
  }
  return rest;
}

/** What is told instead of a command whose payload is too large: it was not sent, so nothing has happened. */
export const tooLargeToSend: Reply = refused('payload-too-large');

/** The failure of an action that has happened and cannot say what came of it: it is undone from its input alone. */
export const tooLargeToKeep: Reply = failed({
  code: 'PAYLOAD_TOO_LARGE',
  message: `what it answered is larger than ${payloadBytesMax} bytes`,
  retryable: false,
});

/** A reply that can be kept: the same one, or what is left of it. Nobody reads what an undo or a confirm puts out. */
export function bounded(half: Half, reply: Reply): Reply {
  if (fits(reply)) return reply;
  switch (reply.outcome) {
    case 'succeeded':
      return partOf(half) === 'does' ? tooLargeToKeep : { ...reply, output: null };
    case 'refused':
      return refused(reply.refusal.code.slice(0, codeMax));
    case 'failed': {
      const { code, message, retryable } = reply.failure;
      return failed({ code: code.slice(0, codeMax), message: message.slice(0, messageMax), retryable });
    }
    case 'in-progress':
      return { outcome: 'in-progress' };
  }
}

const codeMax = 200;
const messageMax = 1_000;
