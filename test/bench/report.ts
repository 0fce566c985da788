/**
 * Figures as text: a table for people, one JSON object a line for programs. Pure.
 */
import type { Insight } from './measure.js';
import { median, type Row } from './row.js';

const columns = [
  ['entry', (row: Row) => rowName(row)],
  ['load', (row: Row) => (row.rate === undefined ? `${row.clients} clients` : `${row.rate}/s`)],
  ['per second', (row: Row) => row.perSecond.toFixed(0)],
  ['p50 / p99 ms', (row: Row) => `${row.p50Ms.toFixed(1)} / ${row.p99Ms.toFixed(1)}`],
  ['CPU-ms', (row: Row) => row.cpuMs.total.toFixed(3)],
  ['of which', (row: Row) => byProcess(row)],
  ['generator', (row: Row) => row.generatorCpuMs.toFixed(3)],
  ['rows', (row: Row) => row.rows.toFixed(1)],
  ['statements', (row: Row) => row.statements.toFixed(2)],
  ['commits', (row: Row) => row.commits.toFixed(2)],
  ['WAL bytes', (row: Row) => row.walBytes.toFixed(0)],
  ['fsyncs', (row: Row) => row.fsyncs.toFixed(3)],
  ['messages', (row: Row) => row.messages?.toFixed(2) ?? '-'],
  ['given up', (row: Row) => (row.givenUp === 0 ? '-' : `${row.givenUp} of ${row.placed}`)],
  ['foreign cores', (row: Row) => row.foreignCores.toFixed(2)],
] as const;

/** Of a row among others, e.g. `kafka, rest` or `kafka, service, two-phase-commit`. */
export function rowName({ profile, entry, protocol }: Pick<Row, 'profile' | 'entry' | 'protocol'>): string {
  return [profile, entry, ...(protocol === 'saga' ? [] : [protocol])].join(', ');
}

/** All but rates, latencies and clients is a transaction's; `foreign cores` is what the rest of the machine used meanwhile. */
export function table(rows: readonly Row[]): string {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => cell(row)))];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => line[at]!.length)));
  const lines = cells.map((line) =>
    line
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('  ')
      .trimEnd(),
  );
  return [lines[0], '-'.repeat(lines[0]!.length), ...lines.slice(1)].join('\n');
}

function byProcess({ cpuMs }: Row): string {
  return Object.entries(cpuMs.byProcess)
    .map(([name, ms]) => `${name} ${ms.toFixed(3)}`)
    .join(', ');
}

/** Memory of each process at the two marks, MiB. */
export function memory({ entry, memoryMib, rssMib }: Row): string {
  const parts = Object.entries(memoryMib).map(
    ([name, [from, to]]) => `${name} ${from.toFixed(0)} → ${to.toFixed(0)}`,
  );
  const rss = Object.entries(rssMib).map(([name, mib]) => `${name} ${mib.toFixed(0)}`);
  return `memory with ${entry}, MiB (PSS, start → end): ${parts.join(', ')}; RSS at the end: ${rss.join(', ')}`;
}

/** Median, least and most of several runs of one row. */
export function spread(rows: readonly Row[]): string {
  const of = (what: string, value: (row: Row) => number, digits: number): string => {
    const sorted = rows.map(value).toSorted((left, right) => left - right);
    const [middle, least, most] = [median(sorted), sorted[0]!, sorted.at(-1)!].map((each) =>
      each.toFixed(digits),
    );
    return `${what} ${middle} (${least} to ${most})`;
  };
  const parts = [
    of('per second', (row) => row.perSecond, 0),
    of('CPU-ms', (row) => row.cpuMs.total, 3),
    of('p50 ms', (row) => row.p50Ms, 1),
    of('p99 ms', (row) => row.p99Ms, 1),
  ];
  return `${rows[0]!.entry}, median of ${rows.length} runs (least to most): ${parts.join(', ')}`;
}

/** What the profiler and the server's own counting saw. */
export function insight({ functions, statements }: Insight, transactions: number): string {
  const hot = Object.entries(functions).flatMap(([process, list]) => [
    `hottest functions of ${process} (self time, share of its work)`,
    ...list.map(
      ({ name, place, selfMs, share }) =>
        `  ${selfMs.toFixed(0).padStart(7)} ms ${(share * 100).toFixed(1).padStart(5)} %  ${name}  ${place}`,
    ),
  ]);
  const costly = statements.map(({ calls, rows, execMs, planMs, text }) => {
    const each = ((execMs + planMs) / Math.max(1, transactions)).toFixed(4);
    const parts = `exec ${execMs.toFixed(0)} ms, plan ${planMs.toFixed(0)} ms, ${calls} calls, ${rows} rows`;
    return `  ${each} ms a transaction: ${parts}\n      ${text.slice(0, 150)}`;
  });
  const sql = costly.length === 0 ? [] : ['costliest statements (wall time within the server)', ...costly];
  return [...hot, ...sql].join('\n');
}

/** A table in Markdown. */
export function markdown(titles: readonly string[], lines: readonly (readonly string[])[]): string {
  return [titles, titles.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

/** One line of JSON: the row as it is, rounded to what can be believed. */
export function json(row: object): string {
  return JSON.stringify(row, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value,
  );
}
