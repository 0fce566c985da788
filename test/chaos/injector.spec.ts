/** What is done to a process that is gone already harms nobody, and leaves nothing undone. Method: a real one that has ended. */
import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import type { Fault } from './faults.js';
import { inject, type Victim } from './injector.js';

const { pid: ended } = spawnSync(process.execPath, ['--version']);
const victim: Victim = { pids: () => ({ order: ended }), links: undefined, disk: undefined };

test.each<Fault>([
  { kind: 'kill', process: 'order' },
  { kind: 'terminate', process: 'order' },
  { kind: 'pause', process: 'order', ms: 10_000 },
  { kind: 'crash-postgres' },
])('$kind of a process that has ended, or that there is not, is no error', async (fault) => {
  await expect(inject(fault, victim, AbortSignal.abort())).resolves.toBeUndefined();
});
