/**
 * Goal: what is filled in is said beforehand, and every table that keeps an order is filled. Method: the pure parts alone; that
 * Postgres takes the statements is seen by running `growth`.
 */
import { expect, test } from '@jest/globals';
import { fillStatements } from './fill.statements.js';
import { filledSoFar, roomFor } from './fill.js';

test('the room is told, and what does not fit is refused with the way out', () => {
  expect(roomFor('finished', 100_000, 50e9)).toBe(
    '100,000 finished transactions take about 0.57 GB of the disk, 50 GB are free',
  );
  expect(() => roomFor('finished', 10_000_000, 50e9)).toThrow('--most');
});

test('progress tells how long the rest will take', () => {
  expect(filledSoFar(250_000, 1_000_000, 10_000)).toBe('250,000 of 1,000,000 filled in, about 30 s to go');
});

test('finished orders leave rows in every table that keeps history; those that wait, in one', () => {
  const tables = fillStatements('finished').map(({ service, table }) => `${service}.${table}`);
  expect(tables).toEqual([
    'order.orders',
    'order.barrier',
    'orchestrator.transaction',
    'orchestrator.journal',
    'inventory.barrier',
    'inventory.stock_move',
    'payment.barrier',
    'payment.ledger_entry',
    'shipping.barrier',
    'shipping.shipment',
    'shipping.shipment_move',
  ]);
  expect(fillStatements('waiting').map(({ table }) => table)).toEqual(['transaction']);
});
