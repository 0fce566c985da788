/**
 * Goal: a person at a terminal, a script and a log each get what they need of `sagamore explore`, and every mistake is answered
 * with what to do. Method: the program over streams that remember; the sagas are small and really explored.
 */
import { describe, expect, jest, test } from '@jest/globals';
import { rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './program.js';

jest.setTimeout(60_000);

const fixture = relative('.', fileURLToPath(new URL('program.fixture.ts', import.meta.url)));

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function say(args: readonly string[], { isTTY = false } = {}): Promise<Said> {
  let out = '';
  let err = '';
  const code = await run(args, {
    out: { write: (text) => (out += text), isTTY },
    err: { write: (text) => (err += text), isTTY },
    isColoured: isTTY,
  });
  return { code, out, err };
}

describe('sagamore explore', () => {
  test('a saga that withstands ends with 0, and a table tells what was tried in each course', async () => {
    const { code, out, err } = await say(['explore', fixture, '--pairs', '3']);
    expect(code).toBe(0);
    expect(err).toBe('');
    expect(out).toMatch(/^lending 3\n\ncourse +writes +messages +schedules\n/);
    expect(out).toMatch(/^everybody says yes +\d+ +\d+ +\d+$/m);
    expect(out).toMatch(/^"lend" is refused +\d+ +\d+ +\d+$/m);
    expect(out).toMatch(/^two faults at once +3 of \d+$/m);
    expect(out).toMatch(/✔ \d+ schedules tried; each ended done or not done, never half\n$/);
  });

  test('I15: one that does not ends with 1, and the smallest schedule is told in words', async () => {
    const { code, out } = await say(['explore', `${fixture}#forgetful`]);
    expect(code).toBe(1);
    expect(out).toContain('✘ The smallest schedule that fails, of 3 tried\n  1. "note" is refused\n');
    expect(out).toContain('  • everything was undone, but shelf / copies / emma: 2 was expected, found 1\n');
    expect(out).toMatch(/ ms {2}shelf commits that it has undone "lend"\n/);
  });

  test('as JSON it is the same, for machines, with the same code', async () => {
    const { code, out } = await say(['explore', `${fixture}#forgetful`, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      definition: 'lending',
      version: 3,
      tried: 3,
      failure: {
        schedule: [{ kind: 'no', step: 'note' }],
        told: ['"note" is refused'],
        findings: ['everything was undone, but shelf / copies / emma: 2 was expected, found 1'],
      },
    });
  });

  test('colours and a line of progress are for a terminal alone', async () => {
    const plain = await say(['explore', fixture, '--pairs', '0']);
    expect(plain.out + plain.err).not.toContain('\x1b');
    const shown = await say(['explore', fixture, '--pairs', '0'], { isTTY: true });
    expect(shown.out).toContain('\x1b[');
    expect(shown.err).toMatch(/lending: 10 of \d+ schedules, now single faults/);
    expect(shown.err.endsWith('\r\x1b[2K')).toBe(true);
  });
});

describe('a mistake', () => {
  test.each([
    [['explore', 'nowhere.ts'], 'There is no file nowhere.ts. Give the path of a module'],
    [
      ['explore', `${fixture}#nothing`],
      `has no export "nothing". Name one that is: ${fixture}, ${fixture}#forgetful`,
    ],
    [['explore', `${fixture}#something`], 'The export "something" of'],
    [['explore', `${fixture}#lonely`], '"shelf" takes part in lending and the cast has no such service'],
    [['transactions', 'list', '--url', 'somewhere'], '"somewhere" is no address. Give one like'],
    [['explore'], "missing required argument 'module'"],
    [['explore', fixture, '--pairs', 'many'], 'A whole number is wanted.'],
    [['exlore', fixture], "unknown command 'exlore'"],
  ])('%j is answered with what to do, and ends with 2', async (args, sentence) => {
    const { code, out, err } = await say(args);
    expect(err).toContain(sentence);
    expect(err).not.toMatch(/^ +at /m);
    expect(out).toBe('');
    expect(code).toBe(2);
  });

  test('a module that cannot be loaded is told with its own first line', async () => {
    const file = join(fileURLToPath(new URL('.', import.meta.url)), `broken-${process.pid}.mjs`);
    writeFileSync(file, `throw new Error('no shelf\\nanywhere');\n`);
    try {
      const { code, err } = await say(['explore', file]);
      expect(err).toContain('cannot be loaded: no shelf. Run it by itself to see where it fails.');
      expect(code).toBe(2);
    } finally {
      rmSync(file);
    }
  });

  test('help ends with 0', async () => {
    const { code, out } = await say(['--help']);
    expect(code).toBe(0);
    expect(out).toContain('explore');
    expect(out).toContain('transactions');
  });
});
