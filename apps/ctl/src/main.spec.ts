/**
 * Goal: the binary ends as its program does, also when nobody reads to the end. Method: its real process, started as npm's link
 * starts it.
 */
import { expect, jest, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

jest.setTimeout(120_000);

const binary = fileURLToPath(new URL('../bin/sagamore.mjs', import.meta.url));
const forgetful = `${fileURLToPath(new URL('program.fixture.ts', import.meta.url))}#forgetful`;

test('a reader that leaves early changes neither the code nor the peace of the terminal', async () => {
  const child = spawn(process.execPath, [binary, 'explore', forgetful], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 100_000,
  });
  let complaints = '';
  child.stderr.on('data', (chunk) => (complaints += String(chunk)));
  child.stdout.destroy();
  const [code] = await once(child, 'close');
  expect({ code, complaints }).toEqual({ code: 1, complaints: '' });
});
