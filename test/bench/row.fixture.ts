/**
 * Rows for specs: plain figures, of which a spec names those it is about.
 */
import type { BenchOptions } from './options.js';
import { readOptions } from './options.js';
import type { Row } from './row.js';

/** A row of one transaction that cost nothing, but for what `more` says. */
export function rowWith(more: Partial<Row>): Row {
  return {
    profile: 'local',
    entry: 'service',
    protocol: 'saga',
    clients: 1,
    perSecond: 0,
    p50Ms: 1,
    p99Ms: 1,
    maxMs: 1,
    cpuMs: { total: 0, byProcess: {} },
    generatorCpuMs: 0,
    rows: 0,
    statements: 0,
    commits: 0,
    walBytes: 0,
    fsyncs: 0,
    foreignCores: 0,
    memoryMib: {},
    rssMib: {},
    transactions: 1,
    placed: 1,
    givenUp: 0,
    problems: [],
    ...more,
  };
}

/** What `args` ask for. */
export function optionsFor(...args: readonly string[]): BenchOptions {
  const asked = readOptions(args);
  if (!('options' in asked)) throw new TypeError(`${args.join(' ')} has no options`);
  return asked.options;
}
