/**
 * Goal: the floor writes the rows of the house, those of the undone tenth too. Method: the rows of one batch, counted by table.
 */
import { expect, test } from '@jest/globals';
import { refusedOf, stepsOf, type SqlStatement } from './floor.statements.js';

const ids = Array.from(
  { length: 20 },
  (_, at) => `01a2270a-e54e-7182-bea2-${at.toString(16).padStart(12, '0')}`,
);
const steps = stepsOf({ ids, undone: refusedOf(ids), catalogue: 1_000 });

function inserted(table: string, { text, values: [column] }: SqlStatement): number {
  return text.startsWith(`insert into ${table} (`) && Array.isArray(column) ? column.length : 0;
}

function rowsIn(service: string, table: string): number {
  const statements = steps.filter((step) => step.service === service).flatMap((step) => step.statements);
  return statements.reduce((total, statement) => total + inserted(table, statement), 0);
}

test('every tenth is refused', () => {
  expect(refusedOf(ids)).toEqual([ids[9], ids[19]]);
});

test('a completed order has four events and a refused one six', () => {
  expect(rowsIn('orchestrator', 'transaction')).toBe(20);
  expect(rowsIn('orchestrator', 'journal')).toBe(18 * 4 + 2 * 6);
});

test('money and stock go there and back, and nobody ships what was refused', () => {
  expect(rowsIn('payment', 'ledger_entry')).toBe(4 * 20 + 4 * 2);
  expect(rowsIn('inventory', 'stock_move')).toBe(20 + 2);
  expect(rowsIn('shipping', 'shipment')).toBe(18);
  expect(rowsIn('shipping', 'barrier')).toBe(20 + 20);
  expect(rowsIn('order', 'barrier')).toBe(20);
});

test('a statement of one name has one text', () => {
  const texts = new Map<string, Set<string>>();
  for (const { service, statements } of steps)
    for (const { name, text } of statements)
      texts.set(`${service} ${name}`, (texts.get(`${service} ${name}`) ?? new Set()).add(text));
  expect([...texts].filter(([, each]) => each.size > 1)).toEqual([]);
});
