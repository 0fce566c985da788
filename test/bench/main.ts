/**
 * `npm run bench`: how many orders a second, how long each takes, and what it costs in CPU, rows and WAL.
 * Compare the CPU-ms first: rates move with whatever else the machine does, which is printed beside them.
 */
import { measureFloor } from './floor.js';
import { measure, type Measured, type Row } from './measure.js';
import { readOptions, usage, type BenchOptions } from './options.js';
import { insight, json, memory, spread, table } from './report.js';
import { compareTelemetry, costs, costTable } from './telemetry.js';
import { measureWaits } from './waits.js';

const say = (text: string): void => void process.stderr.write(`  ${text}\n`);
const print = (text = ''): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const asked = readOptions(process.argv.slice(2));
  if (asked.what === 'help') return (print(usage), 0);
  if (asked.what === 'floor') return (await floor(asked.options), 0);
  if (asked.what === 'telemetry') return telemetry(asked.options);
  if (asked.what === 'waits') return (await waits(asked), 0);
  return bench(asked.options);
}

async function bench(options: BenchOptions): Promise<number> {
  if (!options.json) print(`${headline(options)}\n`);
  const rows: Row[] = [];
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
  if (!options.json) print(table(rows));
  return verdict(rows);
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

function headline({ profile, seconds, warmUp, catalogue, simulators }: BenchOptions): string {
  const outside = simulators ? 'the HTTP simulators' : 'card network and carrier in process';
  return [
    `place-order on ${profile}: ${seconds} s after ${warmUp} s of warm-up, ${catalogue} products, ${outside};`,
    'nine of ten orders succeed, every tenth is refused at its third step and undone. Postgres with fsync.',
    'CPU-ms, rows, commits and WAL are of one transaction, without the load generator of rest.',
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
  if (options.json) return print(json({ profile: 'floor', ...found }));
  const { perSecond, cpuMs, batch, foreignCores, rows, walBytes } = found;
  print(`floor: the rows of a completed order in bare SQL, ${batch} orders a batch, nothing in between`);
  print(
    `  CPU-ms ${cpuMs.total.toFixed(3)} (postgres ${cpuMs.postgres.toFixed(3)}, node ${cpuMs.node.toFixed(3)}), ` +
      `${perSecond.toFixed(0)} orders a second, ${rows.toFixed(1)} rows, ${walBytes.toFixed(0)} WAL bytes, ` +
      `foreign cores ${foreignCores.toFixed(2)}`,
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
