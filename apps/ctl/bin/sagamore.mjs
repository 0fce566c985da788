#!/usr/bin/env node
// The binary `sagamore`: runs the command line from its source, with the flags that every process of ours is started with.
import { fileURLToPath } from 'node:url';

process.argv.splice(2, 0, fileURLToPath(new URL('../src/main.ts', import.meta.url)));
await import('../../../deploy/local/run.mjs');
