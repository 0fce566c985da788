/**
 * Tells the world what is sold and what is left: everything at the start, then at most once a second what changed.
 * A snapshot is not a fact to be kept: one that is lost is made good by the next, so no outbox row stands behind it
 * and the hot road pays nothing for it. Never part of a transaction.
 */
import { productsListedType, stockChangedType } from '@sagamore/contracts';
import { eventTopic, type Bus, type Clock, type Message } from '@sagamore/runtime';
import type { Product } from './catalogue.js';
import type { StockLevel, StockStore } from './inventory.store.js';

/** Often enough for a shop window; rare enough to cost nothing under load. */
const pauseMs = 1_000;
/** A message stays well below the usual limit of a broker, 1 MB: a product takes some 300 bytes, a level some 60. */
const productsInMessage = 1_000;
const levelsInMessage = 5_000;

export interface AnnouncerOptions {
  readonly stock: Pick<StockStore, 'levels'>;
  readonly bus: Pick<Bus, 'send'>;
  readonly clock: Clock;
  readonly products: readonly Product[];
  /** Names the process; part of the messages' ids. */
  readonly instance: string;
  /** The store's clock in ms. */
  readonly now: () => number;
  /** Told of a telling that failed; it is tried again after the pause. */
  readonly onFailure: (error: unknown) => void;
}

/** Publishes `inventory.products-listed` and `inventory.stock-changed`. Every instance tells what it changed itself;
 *  levels carry their version, so whoever listens keeps the newest whatever the order. */
export class StockAnnouncer {
  private readonly touched = new Set<string>();
  private callOff: (() => void) | undefined;
  private everythingIsTold = true;
  private stopped = false;
  private count = 0;

  constructor(private readonly options: AnnouncerOptions) {}

  /** Tells the whole catalogue and every level now; when that fails, again after a pause. Never rejects. */
  async start(): Promise<void> {
    this.everythingIsTold = false;
    // Marks the telling as under way, so that a change during it does not begin a second one.
    this.callOff = () => undefined;
    await this.due();
  }

  /** Notes that the levels of `skus` changed; they are read and told within a second, together with all others. */
  changed(skus: readonly string[]): void {
    for (const sku of skus) this.touched.add(sku);
    this.arm();
  }

  /** Begins no more tellings. Does not wait for one that is on its way: the bus, stopping, ends it. */
  stop(): void {
    this.stopped = true;
    this.callOff?.();
  }

  private arm(): void {
    const hasNews = this.touched.size > 0 || !this.everythingIsTold;
    if (hasNews && !this.stopped) this.callOff ??= this.options.clock.after(pauseMs, () => void this.due());
  }

  private async due(): Promise<void> {
    await this.tell();
    this.callOff = undefined;
    this.arm();
  }

  private async tell(): Promise<void> {
    const skus = [...this.touched];
    this.touched.clear();
    try {
      if (this.everythingIsTold) await this.send(this.levelsChanged(await this.options.stock.levels(skus)));
      else await this.tellEverything();
    } catch (error) {
      for (const sku of skus) this.touched.add(sku);
      if (!this.stopped) this.options.onFailure(error);
    }
  }

  private async tellEverything(): Promise<void> {
    const { products, stock } = this.options;
    const listings = pages(products, productsInMessage).map((page) =>
      this.message(productsListedType, { products: page.map(listed) }),
    );
    await this.send([...listings, ...this.levelsChanged(await stock.levels())]);
    this.everythingIsTold = true;
  }

  private send(messages: readonly Message[]): Promise<void> {
    return this.options.bus.send(messages);
  }

  private levelsChanged(levels: readonly StockLevel[]): readonly Message[] {
    return pages(levels, levelsInMessage).map((page) => this.message(stockChangedType, { levels: page }));
  }

  private message(type: string, data: unknown): Message {
    this.count += 1;
    const id = `${this.options.instance}/${type}/${this.count}`;
    const topic = eventTopic('inventory');
    return { id, type, source: 'inventory', topic, key: 'catalogue', occurredAt: this.options.now(), data };
  }
}

function listed({ sku, name, prices }: Product): Omit<Product, 'initialStock'> {
  return { sku, name, prices };
}

function pages<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, page) =>
    items.slice(page * size, (page + 1) * size),
  );
}
