/**
 * `npm run audit`: checks every row of a stack against the invariants. Ends with 0 when all hold, with 1 when one does not,
 * and with 2 when it cannot be run. With `--watch` it does so again and again, until it is stopped.
 */
import colours from 'picocolors';
import { audit } from './audit.js';
import { watch, type RoundListener, type Standing } from './auditor.js';
import { openFindingsDoor } from './findings.door.js';
import { readOptions, type Options, type WatchOptions } from './options.js';
import { jsonReport, sumsOf, tableReport } from './report.js';
import { CannotRun } from './stack.js';
import { watchJson, watchTable } from './watch.report.js';

async function auditOnce(options: Options): Promise<number> {
  const report = options.json ? jsonReport(process.stdout) : tableReport(process.stdout);
  const findings = await audit(options, report);
  report.end(findings);
  return sumsOf(findings).violations === 0 ? 0 : 1;
}

/** Until SIGINT or SIGTERM, or for so many rounds; 1 while a finding stands in the end, 2 when it cannot be read then. */
async function auditOn(options: Options, { port, ...how }: WatchOptions): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const report = options.json ? watchJson(process.stdout) : watchTable(process.stdout);
  let now: Standing | undefined;
  const door = port === undefined ? undefined : await openFindingsDoor(port, () => now);
  if (door !== undefined && !options.json) process.stdout.write(`findings ${door.url}\n`);
  const listen: RoundListener = (standing, changes) => {
    now = standing;
    report(standing, changes);
  };
  const { findings, away } = await watch({ ...options, ...how }, listen, stop.signal);
  await door?.close();
  if (findings.length > 0) return 1;
  return away === undefined ? 0 : 2;
}

async function main(): Promise<void> {
  const options = readOptions();
  process.exitCode =
    options.watch === undefined ? await auditOnce(options) : await auditOn(options, options.watch);
}

function cannotRun(error: unknown): void {
  const known = error instanceof CannotRun || (error instanceof TypeError && 'code' in error);
  const text =
    error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`${colours.red('✘')} ${text}\n`);
  process.exitCode = 2;
}

await main().catch(cannotRun);
