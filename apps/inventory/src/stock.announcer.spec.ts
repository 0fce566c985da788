/**
 * Goal: listeners learn the catalogue and every level at the start, then what changed, at most once a second and
 * nothing when nothing changed. Method: a clock moved by hand and a bus that only remembers.
 */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { productsListed, stockChanged } from '@sagamore/contracts';
import { Clock, type Message } from '@sagamore/runtime';
import { catalogue } from './catalogue.js';
import type { StockLevel } from './inventory.store.js';
import { StockAnnouncer } from './stock.announcer.js';

class HandClock extends Clock {
  private time = 0;
  private timers: { readonly at: number; readonly callback: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.time + ms, callback };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((each) => each !== timer));
  }

  /** Moves time and lets what became due come to rest. */
  async advance(ms: number): Promise<void> {
    this.time += ms;
    const due = this.timers.filter(({ at }) => at <= this.time);
    this.timers = this.timers.filter(({ at }) => at > this.time);
    for (const { callback } of due) callback();
    await new Promise(setImmediate);
  }
}

describe('telling what is sold and what is left', () => {
  let clock: HandClock;
  let sent: Message[];
  let reads: (readonly string[] | undefined)[];
  let failures: unknown[];
  let brokerIsAway: boolean;

  beforeEach(() => {
    clock = new HandClock();
    [sent, reads, failures, brokerIsAway] = [[], [], [], false];
  });

  function announcer(size = 24): StockAnnouncer {
    const products = catalogue({ size, initialStock: 10 });
    return new StockAnnouncer({
      products,
      clock,
      instance: 'inventory-1',
      now: () => clock.now(),
      onFailure: (error) => failures.push(error),
      bus: {
        async send(messages) {
          if (brokerIsAway) throw new Error('the broker is away');
          sent.push(...messages);
        },
      },
      stock: {
        async levels(skus) {
          reads.push(skus);
          return (skus ?? products.map(({ sku }) => sku)).map((sku): StockLevel => ({
            sku,
            available: 9,
            version: 2,
          }));
        },
      },
    });
  }

  test('a start tells the whole catalogue, then every level', async () => {
    await announcer().start();
    expect(sent.map(({ type, topic, key }) => [type, topic, key])).toEqual([
      ['inventory.products-listed', 'inventory.events', 'catalogue'],
      ['inventory.stock-changed', 'inventory.events', 'catalogue'],
    ]);
    expect(productsListed.parse(sent[0]?.data).products).toHaveLength(24);
    expect(stockChanged.parse(sent[1]?.data).levels).toHaveLength(24);
  });

  test('a large catalogue is told in messages a broker accepts, each with its own id', async () => {
    await announcer(12_000).start();
    for (const { data } of sent) expect(JSON.stringify(data).length).toBeLessThan(900_000);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(sent.length);
    expect(sent.flatMap(({ data }) => productsListed.safeParse(data).data?.products ?? [])).toHaveLength(
      12_000,
    );
  });

  test('many changes within a second are told once, with one read', async () => {
    const stock = announcer();
    stock.changed(['A', 'B']);
    stock.changed(['B', 'C']);
    await clock.advance(999);
    expect(sent).toEqual([]);
    await clock.advance(1);
    expect(reads).toEqual([['A', 'B', 'C']]);
    expect(sent).toHaveLength(1);
    await clock.advance(60_000);
    expect(sent).toHaveLength(1);
  });

  test('a change after a telling is told a second later', async () => {
    const stock = announcer();
    stock.changed(['A']);
    await clock.advance(1_000);
    stock.changed(['B']);
    await clock.advance(1_000);
    expect(reads).toEqual([['A'], ['B']]);
  });

  test('a telling that failed is told again with what came since', async () => {
    const stock = announcer();
    brokerIsAway = true;
    stock.changed(['A']);
    await clock.advance(1_000);
    expect(failures).toHaveLength(1);
    brokerIsAway = false;
    stock.changed(['B']);
    await clock.advance(1_000);
    expect(
      stockChanged
        .parse(sent[0]?.data)
        .levels.map(({ sku }) => sku)
        .sort(),
    ).toEqual(['A', 'B']);
  });

  test('a start that failed tells everything after the pause', async () => {
    brokerIsAway = true;
    await announcer().start();
    expect([sent, failures.length]).toEqual([[], 1]);
    brokerIsAway = false;
    await clock.advance(1_000);
    expect(sent.map(({ type }) => type)).toEqual(['inventory.products-listed', 'inventory.stock-changed']);
  });

  test('a change during the start is told after it, and only once', async () => {
    const stock = announcer();
    const started = stock.start();
    stock.changed(['A']);
    await started;
    await clock.advance(1_000);
    expect(reads).toEqual([undefined, ['A']]);
  });

  test('once stopped it tells nothing more', async () => {
    const stock = announcer();
    stock.changed(['A']);
    stock.stop();
    stock.changed(['B']);
    await clock.advance(5_000);
    expect(sent).toEqual([]);
  });
});
