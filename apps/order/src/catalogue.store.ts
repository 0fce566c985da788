/**
 * The rows of this service's copy of the catalogue: inventory tells, nobody asks it (no service reads another's tables).
 * Both writes are idempotent by version, so events may come again, late or in another order.
 */
import { Inject, Injectable } from '@nestjs/common';
import { statement, type PostgresDatabase } from '@sagamore/postgres';
import { Database, type Tx } from '@sagamore/runtime';
import type { Product } from './order.js';
import { postgres } from './order.store.js';

export interface ListedProduct {
  readonly sku: string;
  readonly name: string;
  readonly prices: Product['prices'];
}

export interface StockLevel {
  readonly sku: string;
  readonly available: number;
  readonly version: number;
}

export type ChangedLevel = Pick<StockLevel, 'sku' | 'available'>;

const upsertListing = statement(
  'product-list',
  `insert into product (sku, name, prices, listed_at)
   select sku, name, prices, $2::bigint from jsonb_to_recordset($1::jsonb) as told (sku text, name text, prices jsonb)
   on conflict (sku) do update set name = excluded.name, prices = excluded.prices, listed_at = excluded.listed_at
   where product.listed_at <= excluded.listed_at`,
);

const upsertLevels = statement(
  'product-levels',
  `insert into product (sku, available, stock_version)
   select * from unnest($1::text[], $2::integer[], $3::bigint[])
   on conflict (sku) do update set available = excluded.available, stock_version = excluded.stock_version
   where product.stock_version < excluded.stock_version
   returning sku, available`,
);

// What a newer listing leaves out stays: a catalogue of many pages is told in several messages, and inventory refuses
// what it does not sell.
const selectListed = statement(
  'product-listed',
  `select sku, name, prices, available from product
   where listed_at > 0 order by sku`,
);

@Injectable()
export class CatalogueStore {
  constructor(@Inject(Database) private readonly database: PostgresDatabase) {}

  /** Saves a listing told at `listedAt` (ms); for each SKU the newest wins. */
  async list(tx: Tx, products: readonly ListedProduct[], listedAt: number): Promise<void> {
    const unique = new Map(products.map(({ sku, name, prices }) => [sku, { sku, name, prices }]));
    await postgres(tx).query(upsertListing, [JSON.stringify([...unique.values()].toSorted(bySku)), listedAt]);
  }

  /** Saves the newest level of each SKU and answers those that changed; one older than what is known changes nothing. */
  async level(tx: Tx, levels: readonly StockLevel[]): Promise<readonly ChangedLevel[]> {
    const newest = new Map<string, StockLevel>();
    for (const level of levels) {
      if ((newest.get(level.sku)?.version ?? -1) < level.version) newest.set(level.sku, level);
    }
    const rows = [...newest.values()].toSorted(bySku);
    return await postgres(tx).query<ChangedLevel>(upsertLevels, [
      rows.map((row) => row.sku),
      rows.map((row) => row.available),
      rows.map((row) => row.version),
    ]);
  }

  /** What is sold now, in order of SKU. */
  async products(): Promise<readonly Product[]> {
    return await this.database.read<Product>(selectListed, []);
  }
}

/** Rows are taken in one order by everybody, so that two writers never wait for each other in a circle (R1). */
function bySku(one: { readonly sku: string }, other: { readonly sku: string }): number {
  return one.sku < other.sku ? -1 : 1;
}
