/**
 * Stock in Postgres: lock the levels of a batch, write its changes and its moves, each in one statement.
 * It decides nothing: `inventory.ts` does. A batch of orders costs one round trip here; the writes ride with the commit.
 */
import assert from 'node:assert/strict';
import { PostgresTx, statement } from '@sagamore/postgres';
import { Database, type Tx } from '@sagamore/runtime';
import { changesOf, type StockLevels, type StockMove } from './inventory.js';

/** One SKU as it stands. `version` grows with every change. */
export interface StockLevel {
  readonly sku: string;
  readonly available: number;
  readonly version: number;
}

/** What the shop holds of a SKU on its first day. */
export interface OpeningStock {
  readonly sku: string;
  readonly initialStock: number;
}

type LevelRow = { readonly sku: string; readonly available: string; readonly version: string };

// The sort stands below the locks in the plan, so rows are locked in the order of their SKUs by every writer (R1).
const lockLevels = statement(
  'stock-lock',
  'select sku, available, version from stock where sku = any($1::text[]) order by sku for update',
);

const changeLevels = statement(
  'stock-change',
  `with held as materialized (select sku from stock where sku = any($1::text[]) order by sku for update)
   update stock set available = stock.available + given.available, reserved = stock.reserved + given.reserved,
     version = stock.version + 1
   from held join unnest($1::text[], $2::bigint[], $3::bigint[]) as given (sku, available, reserved)
     on given.sku = held.sku
   where stock.sku = held.sku`,
);

const appendMoves = statement(
  'stock-move-append',
  `insert into stock_move (operation_id, transaction_id, sku, kind, quantity)
   select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])`,
);

// The stock row is the gate: only whoever inserts it books its opening move, so a second start books nothing. A row that is
// there is passed by BEFORE its key is tried: an insert would wait for whoever changes it, and what an earlier process left
// in doubt would keep this one from starting, which alone can end the doubt (S69).
const openStock = statement(
  'stock-open',
  `with opened as (
     insert into stock (sku, available)
     select sku, quantity from unnest($1::text[], $2::bigint[]) as given (sku, quantity)
     where not exists (select from stock where stock.sku = given.sku) order by sku
     on conflict (sku) do nothing
     returning sku, available)
   insert into stock_move (operation_id, sku, kind, quantity)
   select 'opening/' || sku, sku, 'received', available from opened where available > 0`,
);

const readLevels = statement(
  'stock-read',
  'select sku, available, version from stock where sku = any($1::text[])',
);
const readAllLevels = statement('stock-read-all', 'select sku, available, version from stock order by sku');

/** The levels and the log of one inventory. */
export class StockStore {
  constructor(private readonly database: Database) {}

  /** What is available of each SKU, locked until `tx` ends. SKUs that are not sold are absent. */
  async lock(tx: Tx, skus: readonly string[]): Promise<StockLevels> {
    const rows = await postgres(tx).query<LevelRow>(lockLevels, [skus]);
    return new Map(rows.map(({ sku, available }) => [sku, Number(available)]));
  }

  /** Books the moves and what they change, sent together with the commit of `tx`. The levels need not be locked before;
   *  a change that would lead below zero makes the transaction fail with `DATA_REJECTED`. */
  book(tx: Tx, moves: readonly StockMove[]): void {
    if (moves.length === 0) return;
    const changes = changesOf(moves);
    postgres(tx).last(changeLevels, [
      changes.map(({ sku }) => sku),
      changes.map(({ available }) => available),
      changes.map(({ reserved }) => reserved),
    ]);
    postgres(tx).last(appendMoves, [
      moves.map(({ operationId }) => operationId),
      moves.map(({ transactionId }) => transactionId),
      moves.map(({ sku }) => sku),
      moves.map(({ kind }) => kind),
      moves.map(({ quantity }) => quantity),
    ]);
  }

  /** Gives every SKU that has no row yet its opening stock and the move that explains it. Idempotent, and safe when
   *  several instances start together. */
  async open(products: readonly OpeningStock[]): Promise<void> {
    const values = [products.map(({ sku }) => sku), products.map(({ initialStock }) => initialStock)];
    await this.database.transaction((tx) => postgres(tx).query(openStock, values));
  }

  /** The committed levels of `skus`, or of all. Locks nothing. */
  async levels(skus?: readonly string[]): Promise<readonly StockLevel[]> {
    const rows = await this.database.transaction((tx) =>
      skus === undefined
        ? postgres(tx).query<LevelRow>(readAllLevels, [])
        : postgres(tx).query<LevelRow>(readLevels, [skus]),
    );
    return rows.map(({ sku, available, version }) => ({
      sku,
      available: Number(available),
      version: Number(version),
    }));
  }
}

function postgres(tx: Tx): PostgresTx {
  assert(tx instanceof PostgresTx, 'stock is kept in Postgres: a transaction of its database was wanted');
  return tx;
}
