/**
 * What may be written of a value: everything but secrets and personal data (I42), at any depth, errors included.
 * The last line of defence: whoever logs should not hand such things over. It changes no value, it writes copies.
 */

/** Compared without case, `-` and `_`. A person's `name` cannot be told from a thing's, so every one goes. */
const secretNames = new Set([
  'address',
  'apikey',
  'authorization',
  'cardnumber',
  'city',
  'cookie',
  'cvc',
  'email',
  'iban',
  'name',
  'password',
  'paymenttoken',
  'phone',
  'postcode',
  'secret',
  'setcookie',
  'shipto',
  'street',
  'token',
]);
const redacted = '[redacted]';
// Deep enough for an envelope in an error in a field; a bound also ends cycles.
const depthMax = 8;
const causesMax = 4;
const framesMax = 20;
// Line breaks would forge lines, and escape sequences drive terminals (B84).
// oxlint-disable-next-line no-control-regex -- control characters are the very thing looked for
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** A copy of `value` that may be written. Handles what JSON cannot say: bigint, maps, cycles, functions. Never throws. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return withoutControls(value);
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (typeof value === 'function') return '[function]';
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= depthMax) return '[too deep]';
  try {
    return redactObject(value, depth + 1);
  } catch {
    return '[unreadable]';
  }
}

/** One line, without control characters. */
export function withoutControls(text: string): string {
  return text.replace(controls, ' ');
}

/** What may be written of an error: its kind, code, message, frames and causes; none of its other properties, because
 *  drivers put rows and parameters there. Outside our own faults, what stands in double quotes is a value and goes. */
export function describeError(error: Error, causes = 0): Readonly<Record<string, unknown>> {
  const { name, message, stack, cause } = error;
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    kind: withoutControls(name),
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    message: withoutControls(name === 'Fault' ? message : message.replace(/"[^"]*("|$)/g, '"…"')),
    frames: framesOf(stack),
    ...(cause instanceof Error && causes < causesMax && { cause: describeError(cause, causes + 1) }),
  };
}

function redactObject(value: object, depth: number): unknown {
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Map)
    return redactEntries(
      [...value].map(([key, part]) => [String(key), part]),
      depth,
    );
  if (value instanceof Set) return [...value].map((part) => redact(part, depth));
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((part: unknown) => redact(part, depth));
  return redactEntries(Object.entries(value), depth);
}

function redactEntries(entries: readonly (readonly [string, unknown])[], depth: number): unknown {
  return Object.fromEntries(
    entries.map(([key, part]) => [withoutControls(key), isSecret(key) ? redacted : redact(part, depth)]),
  );
}

function isSecret(key: string): boolean {
  return secretNames.has(key.toLowerCase().replaceAll(/[-_]/g, ''));
}

/** The frames alone: the head of a stack repeats the message, whose values were taken out above. */
function framesOf(stack: string | undefined): readonly string[] {
  const lines = stack?.split('\n') ?? [];
  return lines
    .filter((line) => /^\s+at /.test(line))
    .map((line) => withoutControls(line.trim()))
    .slice(0, framesMax);
}
