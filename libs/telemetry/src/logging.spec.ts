/**
 * Goal: a line says what it was given, and never a secret. Method: lines caught as text, read back as JSON.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createLogger, type LoggerOptions } from './logging.js';

function logger(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  return { lines, log: createLogger({ process: 'payment', write, ...options }) };
}

const read = (line: string | undefined): unknown => JSON.parse(line ?? '');

test('a line carries level, time, process, message and fields', () => {
  const { lines, log } = logger();
  log.info('charged', { transactionId: 'tx-1', amountMinor: 4_200n });
  expect(read(lines[0])).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    process: 'payment',
    message: 'charged',
    transactionId: 'tx-1',
    amountMinor: '4200',
  });
});

test('levels below the chosen one are silent', () => {
  const { lines, log } = logger({ level: 'warn' });
  log.debug('a');
  log.info('b');
  log.warn('c');
  log.error('d');
  expect(lines.map((line) => read(line))).toMatchObject([{ level: 'warn' }, { level: 'error' }]);
});

test('a child adds its fields to every line', () => {
  const { lines, log } = logger();
  log.child({ shard: 3 }).child({ paymentToken: 'tok_ok' }).info('taken');
  expect(read(lines[0])).toMatchObject({ shard: 3, paymentToken: '[redacted]', message: 'taken' });
});

test('fields cannot take the place of what every line carries', () => {
  const { lines, log } = logger();
  log.info('true', { level: 'error', process: 'other', message: 'forged', time: 0 });
  expect(read(lines[0])).toMatchObject({
    level: 'info',
    process: 'payment',
    message: 'true',
    field_process: 'other',
  });
  expect(lines[0]?.match(/"(level|process|message|time)":/g)).toHaveLength(4);
});

test.each([
  'paymentToken',
  'token',
  'Authorization',
  'password',
  'shipTo',
  'name',
  'street',
  'api_key',
  'set-cookie',
])('I42: %s is redacted at any depth, in lists and maps too', (field) => {
  const { lines, log } = logger();
  const holder = { [field]: 'hidden-value' };
  log.error('x', { ...holder, deep: { list: [{ more: holder }], map: new Map([[field, 'hidden-value']]) } });
  expect(lines[0]).not.toContain('hidden-value');
  expect(lines[0]?.match(/\[redacted\]/g)).toHaveLength(3);
});

test('I42: an error is written without its properties and without quoted values, causes too', () => {
  const { lines, log } = logger();
  const cause = Object.assign(new Error('invalid input syntax for type uuid: "hidden-value"'), {
    code: '22P02',
    detail: 'Key (email)=(hidden-value) exists',
  });
  log.error('failed', { error: new Error('could not save', { cause }) });
  expect(lines[0]).not.toContain('hidden-value');
  expect(read(lines[0])).toMatchObject({
    error: {
      kind: 'Error',
      message: 'could not save',
      frames: expect.arrayContaining([expect.stringMatching(/^at /)]),
      cause: { code: '22P02', message: 'invalid input syntax for type uuid: "…"' },
    },
  });
});

test.each([false, true])(
  'B84: no line break or escape sequence reaches the output raw (pretty: %s)',
  (isPretty) => {
    const { lines, log } = logger({ pretty: isPretty });
    log.info('one\n{"level":"error"}\u001b[2J', { note: 'two\r\n\u001b]0;title\u0007', 'a\nkey': 1 });
    const text = lines.join('');
    // oxlint-disable-next-line no-control-regex -- control characters are the very thing looked for
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
    expect(text).not.toContain('\n{"level":"error"}');
  },
);

test('pretty lines show level, message and fields', () => {
  const { lines, log } = logger({ pretty: true });
  log.warn('slow', { waitedMs: 12 });
  expect(lines.join('')).toMatch(/WARN.*slow[^]*waitedMs: 12/);
});

test('anything can be logged', () => {
  const { lines, log } = logger();
  fc.assert(
    fc.property(fc.object({ withBigInt: true, withMap: true, withSet: true, withDate: true }), (value) => {
      log.info('x', { value });
      expect(read(lines.pop())).toMatchObject({ message: 'x' });
    }),
  );
  const cycle: Record<string, unknown> = { call: () => 1 };
  cycle['self'] = cycle;
  const trap = {
    get broken(): never {
      throw new Error('no');
    },
  };
  log.info('y', { cycle, trap, wrong: new Date(Number.NaN), bytes: new Uint8Array(3) });
  expect(read(lines[0])).toMatchObject({ message: 'y', trap: '[unreadable]', bytes: '[3 bytes]' });
});
