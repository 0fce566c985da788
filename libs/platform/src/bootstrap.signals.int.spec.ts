/**
 * Goal: a process ends by itself, and well, when it is asked to (I40).
 * Method: a process of its own without services, so that nothing but a port is needed; it gets a real signal.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const program = `
  import { bootstrap, readConfig } from '@sagamore/platform';
  import { MemoryBus } from '@sagamore/memory';
  import { SystemClock } from '@sagamore/runtime';
  class Empty {}
  const config = readConfig({ PORT: '0' });
  await bootstrap({ service: 'empty', module: () => ({ module: Empty }), config, bus: new MemoryBus({ clock: new SystemClock() }) });
`;

/** Says when it is asked to make its module, which is in the middle of its start. */
const slowly = `
  import { setTimeout as pause } from 'node:timers/promises';
  import { bootstrap, readConfig } from '@sagamore/platform';
  import { MemoryBus } from '@sagamore/memory';
  import { SystemClock } from '@sagamore/runtime';
  class Slow {}
  const made = { provide: 'slow', useFactory: async () => { console.log('"url":"none"'); await pause(1_000); } };
  const stopped = { provide: 'stopped', useValue: { onApplicationShutdown: () => console.log('has stopped') } };
  const config = readConfig({ PORT: '0' });
  const module = () => ({ module: Slow, providers: [made, stopped] });
  await bootstrap({ service: 'slow', module, config, bus: new MemoryBus({ clock: new SystemClock() }) });
`;

const children: ChildProcessWithoutNullStreams[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Starts the program and resolves with where it serves. */
async function served(code = program): Promise<{ child: ChildProcessWithoutNullStreams; url: string }> {
  const child = spawn(process.execPath, ['deploy/local/run.mjs', '--input-type=module', '-e', code], {
    cwd: root,
  });
  children.push(child);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += String(chunk);
    const url = /"url":"([^"]+)"/.exec(said)?.[1];
    if (url !== undefined) resolve(url);
  });
  child.once('exit', () => reject(new Error(`the process ended before it served: ${said}`)));
  return { child, url: await promise };
}

test('I40: SIGTERM lets it drain and end with 0', async () => {
  const { child, url } = await served();
  expect((await fetch(`${url}/health/ready`)).status).toBe(200);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  await expect(fetch(`${url}/health/live`)).rejects.toThrow();
}, 30_000);

test('I40: SIGTERM in the middle of a start ends it with 0 too, and stops what was started', async () => {
  const { child } = await served(slowly);
  let said = '';
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  expect(said).toContain('has stopped');
}, 30_000);
