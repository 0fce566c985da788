/** How the ends of many orders are told: a line for each fate, and whether it is what the fate asks for. Pure. */
import { surprises, type OrderResult } from '../e2e/orders.client.js';

const columns = ['fate', 'orders', 'confirmed', 'rejected', 'parked', 'because', ''] as const;
type Row = readonly string[];

/** Lines of one width a column, a head first; fates in the order in which they were first met. */
export function fateTable(ends: readonly OrderResult[]): readonly string[] {
  const byFate = Map.groupBy(ends, ({ planned }) => planned.fate.name);
  const rows: readonly Row[] = [columns, ...[...byFate].map(([name, own]) => rowOf(name, own))];
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => aligned(cell, column, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function rowOf(name: string, ends: readonly OrderResult[]): Row {
  const count = (wanted: string): string =>
    String(ends.filter(({ status }) => status === wanted).length || '–');
  const reasons = new Set(ends.flatMap(({ reason }) => (reason === undefined ? [] : [reason])));
  const wrong = surprises(ends).length;
  return [
    name,
    String(ends.length),
    count('CONFIRMED'),
    count('REJECTED'),
    count('PARKED'),
    [...reasons].toSorted().join(', '),
    wrong === 0 ? '✔' : `✘ ${wrong} otherwise than asked`,
  ];
}

/** Numbers stand at the right. */
function aligned(cell: string, column: number, width: number): string {
  return column > 0 && column < 5 ? cell.padStart(width) : cell.padEnd(width);
}
