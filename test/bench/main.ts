/**
 * `npm run bench`: how many orders a second, how long each takes, and what it costs in CPU, rows and WAL.
 * Compare the CPU-ms first: rates move with whatever else the machine does, which is printed beside them.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { measureFloor, type Floor } from './floor.js';
import { growthPicture, growthTable, measureAxis, pointLine, type Point } from './growth.js';
import { measure, type Measured } from './measure.js';
import { readOptions, usage, type Asked, type BenchOptions } from './options.js';
import { insight, json, memory, spread, table } from './report.js';
import type { Row } from './row.js';
import { measureSmoke, readRecorded, verdictOf, writeRecorded } from './smoke.js';
import { measureTable, tableMarkdown, tablePicture, tableRows } from './table.js';
import { compareTelemetry, costs, costTable } from './telemetry.js';
import { measureWaits } from './waits.js';

const say = (text: string): void => void process.stderr.write(`  ${text}\n`);
const print = (text = ''): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const asked = readOptions(process.argv.slice(2));
  switch (asked.what) {
    case 'help':
      return (print(usage), 0);
    case 'floor':
      return (await floor(asked.options), 0);
    case 'waits':
      return (await waits(asked), 0);
    case 'telemetry':
      return telemetry(asked.options);
    case 'growth':
      return growth(asked);
    case 'table':
      return theTable(asked.options);
    case 'smoke':
      return smoke(asked);
    case 'latency':
      return bench([asked.options, { ...asked.options, profile: 'kafka' }]);
    case 'bench':
      return bench([asked.options]);
  }
}

async function bench(all: readonly BenchOptions[]): Promise<number> {
  const rows: Row[] = [];
  for (const options of all) {
    if (!options.json) print(`${headline(options)}\n`);
    for (const entry of options.entries) {
      const runs: Row[] = [];
      for (let run = 1; run <= options.runs; run++) {
        say(`${options.profile}, ${entry}${options.runs > 1 ? `, run ${run} of ${options.runs}` : ''}`);
        const measured = await measure(options, entry, say);
        runs.push(measured.row);
        show(options, measured);
      }
      if (options.runs > 1 && !options.json) print(`${spread(runs)}\n`);
      rows.push(...runs);
    }
  }
  if (all.every((options) => !options.json)) print(table(rows));
  return verdict(rows);
}

async function growth({ options, axes, most }: Extract<Asked, { what: 'growth' }>): Promise<number> {
  const tell = (point: Point): void =>
    print(options.json ? json({ what: 'growth', ...point }) : pointLine(point));
  const rows: Row[] = [];
  const failures: string[] = [];
  for (const axis of axes) {
    const found = await measureAxis(axis, { options, most }, say, tell);
    rows.push(...found.points.map(({ row }) => row));
    failures.push(...found.failures);
    if (found.points.length === 0) continue;
    if (!options.json) print(`\n${growthTable(axis, found.points)}\n`);
    draw(options, `growth-${axis}.svg`, growthPicture(axis, found.points));
  }
  for (const failure of failures) process.stderr.write(`✘ ${failure}\n`);
  return verdict(rows) + failures.length > 0 ? 1 : 0;
}

async function theTable(options: BenchOptions): Promise<number> {
  const tell = (row: Row): void => print(options.json ? json(row) : `${table([row])}\n`);
  const rounds = await measureTable(options, say, tell);
  if (options.json) {
    for (const found of rounds.flatMap(({ floors }) => floors)) print(json({ profile: 'floor', ...found }));
    for (const { name, ratios } of tableRows(rounds)) print(json({ what: 'floors', name, ratios }));
  } else print(tableMarkdown(rounds));
  draw(options, 'table.svg', tablePicture(rounds));
  return verdict(rounds.flatMap(({ rows }) => rows));
}

async function smoke({ options, record }: Extract<Asked, { what: 'smoke' }>): Promise<number> {
  const { turns, found, problems } = await measureSmoke(options, say);
  for (const problem of problems) process.stderr.write(`✘ ${problem}\n`);
  if (problems.length > 0) return 1;
  if (record) writeRecorded(found);
  const { passes, text } = verdictOf(found, readRecorded());
  if (options.json) print(json({ what: 'smoke', ...found, turns, passes }));
  else if (passes) print(text);
  if (!passes) process.stderr.write(`✘ ${text}\n`);
  return passes ? 0 : 1;
}

function draw({ pictures }: BenchOptions, name: string, picture: string): void {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  writeFileSync(join(pictures, name), picture);
  say(`wrote ${join(pictures, name)}`);
}

/** Every round of every variant, then what each costs; nothing but a wrong end fails it, for a rate is no proof. */
async function telemetry(options: BenchOptions): Promise<number> {
  if (!options.json) print(`${headline(options)}\n`);
  const runs = await compareTelemetry(options, say);
  const found = costs(runs);
  if (options.json) for (const cost of found) print(json({ profile: 'telemetry', ...cost }));
  else print(costTable(found));
  return verdict(runs.map(({ row }) => row));
}

function verdict(rows: readonly Row[]): number {
  const problems = rows.flatMap((row) => row.problems.map((problem) => `${row.entry}: ${problem}`));
  for (const problem of problems) process.stderr.write(`✘ ${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

function headline(options: BenchOptions): string {
  const { profile, protocol, seconds, transactions, warmUp, catalogue, simulators } = options;
  const outside = simulators ? 'the HTTP simulators' : 'card network and carrier in process';
  const length = transactions === undefined ? `${seconds} s` : `${transactions} transactions`;
  return [
    `place-order by ${protocol} on ${profile}: ${length} after ${warmUp} s of warm-up, ${catalogue} products, ${outside};`,
    'nine of ten orders succeed, every tenth is refused at its third step and undone. Postgres with fsync.',
    'CPU-ms, rows, statements, commits, WAL, fsyncs and messages are of one transaction, without the load generator of rest.',
  ].join('\n');
}

function show({ json: asJson }: BenchOptions, { row, insight: seen }: Measured): void {
  if (asJson) return print(json(row));
  const text = insight(seen, row.transactions);
  if (text !== '') print(`${text}\n`);
  print(`${memory(row)}\n`);
}

async function floor(options: BenchOptions): Promise<void> {
  const found = await measureFloor(options, say);
  print(options.json ? json({ profile: 'floor', ...found }) : floorText(found));
}

function floorText(found: Floor): string {
  const { perSecond, cpuMs, batch, foreignCores, rows, walBytes } = found;
  return (
    `floor: the rows of an order in bare SQL, a tenth of them undone, ${batch} orders a batch, nothing in between\n` +
    `  CPU-ms ${cpuMs.total.toFixed(3)} (postgres ${cpuMs.postgres.toFixed(3)}, node ${cpuMs.node.toFixed(3)}), ` +
    `${perSecond.toFixed(0)} orders a second, ${rows.toFixed(1)} rows, ${walBytes.toFixed(0)} WAL bytes, ` +
    `foreign cores ${foreignCores.toFixed(2)}`
  );
}

async function waits(asked: { readonly count: number; readonly json: boolean }): Promise<void> {
  const found = await measureWaits(asked.count, say);
  if (asked.json) return print(json({ profile: 'waits', ...found }));
  const { count, perSecond, rssMib, heapBytes, diskBytes, restartMs, sweepMs, wakes } = found;
  const heap = `${heapBytes.evicted.toFixed(0)} bytes of heap each (${heapBytes.kept.toFixed(0)} where they stay in memory)`;
  print(`waits: ${count} transactions in a month-long wait, begun at ${perSecond.toFixed(0)} a second`);
  print(`  memory   RSS ${rssMib.before.toFixed(0)} MiB before, ${rssMib.after.toFixed(0)} after; ${heap}`);
  print(`  disk     ${diskBytes.toFixed(0)} bytes each, with their indexes`);
  print(`  restart  ${restartMs.evicted.toFixed(0)} ms (${restartMs.kept.toFixed(0)} with 10500 in memory)`);
  print(`  sweep    ${sweepMs.toFixed(2)} ms when nothing is due`);
  print(`  crowd    ${wakes.count} due at one instant go on at ${wakes.perSecond.toFixed(0)} a second`);
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`✘ ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
