/**
 * The rules of stock: an order gets all its lines or none, and no level ever falls below zero (I03).
 * Pure: it is handed the locked levels of a whole batch and says what becomes of them; the store writes it down.
 */
import assert from 'node:assert/strict';
import type { Refusal } from '@sagamore/engine';

export interface StockLine {
  readonly sku: string;
  /** At least 1. */
  readonly quantity: number;
}

/** One order's wish, or its undo. */
export interface StockOrder {
  readonly operationId: string;
  readonly transactionId: string;
  readonly lines: readonly StockLine[];
}

/** What each kind of move changes, for every piece that is moved. `reserved` is what is held and neither taken nor let go:
 *  it is nobody's to buy, and nobody has bought it (R26). */
const effects = {
  taken: { available: -1, reserved: 0 },
  returned: { available: 1, reserved: 0 },
  held: { available: -1, reserved: 1 },
  deducted: { available: 0, reserved: -1 },
  released: { available: 1, reserved: -1 },
} as const;

export type StockMoveKind = keyof typeof effects;

/** One line of the append-only log: what this operation did with `quantity` of `sku`. */
export interface StockMove {
  readonly operationId: string;
  readonly transactionId: string;
  readonly sku: string;
  readonly kind: StockMoveKind;
  readonly quantity: number;
}

/** What is available now, by SKU. A SKU that is absent is not sold at all. */
export type StockLevels = ReadonlyMap<string, number>;

export interface Allocation {
  /** For each order, in the order given: its refusal, or undefined when it got all it asked for. */
  readonly refusals: readonly (Refusal | undefined)[];
  readonly moves: readonly StockMove[];
}

/** Serves the orders in the order given: each takes, or holds, every line or nothing. A refusal is `out-of-stock` with the first SKU
 *  that is short and what is left of it; a refused order leaves everything to those behind it. */
export function allocate(
  levels: StockLevels,
  orders: readonly StockOrder[],
  kind: 'taken' | 'held' = 'taken',
): Allocation {
  const left = new Map(levels);
  const moves: StockMove[] = [];
  const refusals = orders.map((order) => {
    const lines = merged(order.lines);
    const short = lines.find(({ sku, quantity }) => (left.get(sku) ?? 0) < quantity);
    if (short !== undefined) return outOfStock(short.sku, left.get(short.sku) ?? 0);
    for (const { sku, quantity } of lines) left.set(sku, (left.get(sku) ?? 0) - quantity);
    moves.push(...movesOf(order, lines, kind));
    return undefined;
  });
  return { refusals, moves };
}

/** What was allocated goes its way, every line of every order: what was taken is `returned`, what was held is `deducted`
 *  or `released`. Never refused. */
export function settle(
  orders: readonly StockOrder[],
  kind: 'returned' | 'deducted' | 'released',
): readonly StockMove[] {
  return orders.flatMap((order) => movesOf(order, merged(order.lines), kind));
}

/** By how much the level of one SKU changes. */
export interface StockChange {
  readonly sku: string;
  readonly available: number;
  readonly reserved: number;
}

/** By how much each SKU's level changes, sorted by SKU: all writers lock rows in this one order (R1). */
export function changesOf(moves: readonly StockMove[]): readonly StockChange[] {
  const changes = new Map<string, StockChange>();
  for (const { sku, kind, quantity } of moves) {
    const { available, reserved } = changes.get(sku) ?? { available: 0, reserved: 0 };
    const effect = effects[kind];
    changes.set(sku, {
      sku,
      available: available + effect.available * quantity,
      reserved: reserved + effect.reserved * quantity,
    });
  }
  return [...changes.values()].sort((a, b) => (a.sku < b.sku ? -1 : 1));
}

/** Every SKU the orders speak of, once, sorted. */
export function skusOf(orders: readonly StockOrder[]): readonly string[] {
  return [...new Set(orders.flatMap(({ lines }) => lines.map(({ sku }) => sku)))].sort();
}

/** Two lines of one SKU are one wish: the log holds a single move for each operation and SKU. */
function merged(lines: readonly StockLine[]): readonly StockLine[] {
  const quantities = new Map<string, number>();
  for (const { sku, quantity } of lines) {
    assert(
      Number.isSafeInteger(quantity) && quantity > 0,
      `a whole quantity above zero was wanted, found ${quantity}`,
    );
    quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
  }
  return [...quantities].map(([sku, quantity]) => ({ sku, quantity }));
}

function movesOf(
  { operationId, transactionId }: StockOrder,
  lines: readonly StockLine[],
  kind: StockMove['kind'],
): readonly StockMove[] {
  return lines.map(({ sku, quantity }) => ({ operationId, transactionId, sku, kind, quantity }));
}

function outOfStock(sku: string, available: number): Refusal {
  return { code: 'out-of-stock', details: { sku, available } };
}
