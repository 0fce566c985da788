// Runs jest on ES modules with the workspace's Node, whatever Node the shell has.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { requireNode } from './node-flags.mjs';

requireNode();
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const flags = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  '--disable-warning=TimeoutNegativeWarning',
];
const { status } = spawnSync(process.execPath, [...flags, jest, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
