/**
 * The catalogue as this service knows it: told by `inventory.events`, kept in rows, held in memory for pricing.
 * It stands beside the order's road: a POST prices from memory and waits for nothing here. It never asks inventory.
 */
import { productsListed, productsListedType, stockChanged, stockChangedType } from '@sagamore/contracts';
import {
  eventTopic,
  type ActiveSubscription,
  type Bus,
  type Clock,
  type Database,
  type Delivery,
} from '@sagamore/runtime';
import type { CatalogueStore, ChangedLevel } from './catalogue.store.js';
import type { Product } from './order.js';

export interface CatalogueProjectionPorts {
  readonly database: Database;
  readonly store: CatalogueStore;
  readonly bus: Bus;
  readonly clock: Clock;
}

export interface CatalogueProjectionOptions {
  /** Pause between two reads of the rows, ms. Default 5 000: an event reaches one instance of the group, and the others
   *  see it by this. */
  readonly refreshMs?: number;
  /** Told of an event that cannot be read, and of a refresh that failed; both are passed over. */
  readonly onFault?: (error: unknown) => void;
}

export class CatalogueProjection {
  private known: ReadonlyMap<string, Product> = new Map();
  private subscription: ActiveSubscription | undefined;
  private cancelRefresh: (() => void) | undefined;
  private stopped = false;

  constructor(
    private readonly ports: CatalogueProjectionPorts,
    private readonly options: CatalogueProjectionOptions = {},
  ) {}

  /** By SKU, in order of SKU; empty until the first listing has been told. */
  get products(): ReadonlyMap<string, Product> {
    return this.known;
  }

  /** False while nothing can be priced, or once the events no longer arrive. */
  healthy(): boolean {
    return this.known.size > 0 && this.subscription?.healthy() !== false;
  }

  async start(): Promise<void> {
    await this.load();
    this.scheduleRefresh();
    this.subscription = await this.ports.bus.subscribe({
      topic: eventTopic('inventory'),
      group: 'order.catalogue',
      handle: (batch) => this.apply(batch),
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelRefresh?.();
    await this.subscription?.stop();
  }

  /** One transaction for the whole batch; memory follows the commit (R12). */
  private async apply(batch: readonly Delivery[]): Promise<void> {
    const listings = batch.flatMap((delivery) => this.listingOf(delivery));
    const levels = batch.flatMap((delivery) => this.levelsOf(delivery));
    if (listings.length === 0 && levels.length === 0) return;
    const changed = await this.ports.database.transaction(async (tx) => {
      for (const { products, listedAt } of listings) await this.ports.store.list(tx, products, listedAt);
      return levels.length > 0 ? await this.ports.store.level(tx, levels) : [];
    });
    if (listings.length > 0) await this.load();
    else this.follow(changed);
  }

  /** Levels change every second while the shop sells: reading the whole catalogue again for each would be waste. */
  private follow(changed: readonly ChangedLevel[]): void {
    const products = new Map(this.known);
    for (const { sku, available } of changed) {
      const product = products.get(sku);
      if (product !== undefined) products.set(sku, { ...product, available });
    }
    this.known = products;
  }

  private async load(): Promise<void> {
    this.known = new Map((await this.ports.store.products()).map((product) => [product.sku, product]));
  }

  private scheduleRefresh(): void {
    if (this.stopped) return;
    this.cancelRefresh = this.ports.clock.after(this.options.refreshMs ?? 5_000, () => {
      void this.load()
        .catch((error: unknown) => this.options.onFault?.(error))
        .finally(() => this.scheduleRefresh());
    });
  }

  private listingOf({
    message,
  }: Delivery): { products: Parameters<CatalogueStore['list']>[1]; listedAt: number }[] {
    if (message.type !== productsListedType) return [];
    const listing = productsListed.safeParse(message.data);
    if (listing.success)
      return [{ products: listing.data.products, listedAt: Math.trunc(message.occurredAt) }];
    return this.passOver(listing.error);
  }

  private levelsOf({ message }: Delivery): Parameters<CatalogueStore['level']>[1][number][] {
    if (message.type !== stockChangedType) return [];
    const change = stockChanged.safeParse(message.data);
    return change.success ? change.data.levels : this.passOver(change.error);
  }

  /** A copy told again at every start: one unreadable event is not worth holding all that follow it. */
  private passOver(error: unknown): [] {
    this.options.onFault?.(error);
    return [];
  }
}
