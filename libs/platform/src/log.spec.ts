/**
 * Goal: one line an event, whatever is logged. Method: a log that writes into a list.
 */
import { describe, expect, test } from '@jest/globals';
import { createLog, type LogOptions } from './log.js';

function recorded(options: LogOptions = {}) {
  const lines: string[] = [];
  return { lines, log: createLog({ ...options, write: (line) => void lines.push(line) }) };
}

describe('a log', () => {
  test('writes JSON with level, message and the fields of its parents', () => {
    const { lines, log } = recorded();
    log.child({ service: 'order' }).child({ instance: 'a' }).warn('late', { ms: 12n });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'warn',
      message: 'late',
      service: 'order',
      instance: 'a',
      ms: '12',
    });
  });

  test('keeps silent below its level', () => {
    const { lines, log } = recorded({ level: 'warn' });
    log.info('no');
    log.error('yes');
    expect(lines).toHaveLength(1);
  });

  test('tells an error with its code and its causes', () => {
    const { lines, log } = recorded();
    const cause = Object.assign(new Error('inner'), { code: 'E1' });
    log.error('failed', { error: new Error('outer', { cause }) });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      error: { message: 'outer', cause: { message: 'inner', code: 'E1' } },
    });
  });

  test.each([true, false])(
    'B84: line breaks and escape sequences stay within one line (pretty: %s)',
    (pretty) => {
      const { lines, log } = recorded({ pretty });
      log.info('a\r\n{"level":"error"}\u001b[31m', { name: 'b\nc\u001b[2J' });
      expect(lines).toHaveLength(1);
      for (const char of ['\r', '\n', '\u001b']) expect(lines[0]?.trimEnd()).not.toContain(char);
    },
  );

  test('survives what JSON cannot say', () => {
    const { lines, log } = recorded();
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    log.info('loop', { loop });
    expect(lines).toHaveLength(1);
  });
});
