// Runs a TypeScript entry file of the workspace: `node deploy/local/run.mjs path/to/main.ts [arguments]`.
// A child process is used because --conditions cannot be added to a Node that is already running.
import { spawn } from 'node:child_process';
import { nodeFlags, requireNode } from './node-flags.mjs';

requireNode();
const child = spawn(process.execPath, [...nodeFlags, ...process.argv.slice(2)], { stdio: 'inherit' });
// The child decides when to stop: it drains first. A terminal's Ctrl-C reaches it by itself.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
