/**
 * The people of a simulated world: customers who order, ask again until they are answered, and sometimes call it off; the
 * watchdog that sends lost starts again (R17), and the operator who pauses, and lets parked and paused transactions go on. They speak only to processes that are up.
 */
import { seededRandom, type Random } from '@sagamore/primitives';
import {
  Definitions,
  Door,
  inboxTopic,
  startType,
  type Message,
  type StartData,
  type Wanted,
} from '@sagamore/runtime';
import { epochMs } from './host-ports.js';
import { definitionOf, replayed } from './order-in-parts.js';
import type { SimOrder } from './place-order.js';
import { ordersTable, type OrderRow } from './services.js';
import type { World } from './world.js';

/** An order as its customer means it. */
export interface WantedOrder extends SimOrder {
  readonly transactionId: string;
  readonly atMs: number;
}

const skus = ['A', 'B', 'C'];

export interface OrderDrawing {
  readonly count: number;
  readonly withinMs: number;
  /** Whether the next order is one that a handler breaks over. Drawn apart from all else. */
  readonly breaks: () => boolean;
}

/** The orders of a world: most go through, the others meet every "no" there is. */
export function drawOrders(luck: Random, { count, withinMs, breaks }: OrderDrawing): readonly WantedOrder[] {
  return Array.from({ length: count }, (_, index) => {
    const fate = luck.next();
    const parcelRefused = fate >= 0.6 && fate < 0.85;
    return {
      orderId: `order-${index}`,
      transactionId: uuidFrom(luck, index),
      atMs: Math.floor(luck.next() * withinMs),
      sku: skus[Math.floor(luck.next() * skus.length)]!,
      quantity: 1 + Math.floor(luck.next() * 3),
      units: 100 + Math.floor(luck.next() * 900),
      inParts: luck.next() < 0.4,
      cardDeclined: fate >= 0.5 && fate < 0.6,
      parcelRefused,
      refundStuck: parcelRefused && fate >= 0.75,
      stockBreaks: breaks(),
    };
  });
}

/** A UUID of version 7 whose order is that of `index`. */
function uuidFrom(luck: Random, index: number): string {
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => Math.floor(luck.next() * 16).toString(16)).join('');
  const time = (epochMs + index).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-8${hex(3)}-${hex(12)}`;
}

interface StoredPhase {
  readonly transactionId: string;
  readonly phase: string;
  readonly parent?: unknown;
}

export class Client {
  readonly initialStock = new Map<string, number>();
  /** Whom the operator may have paused, and looks after. */
  private readonly paused: string[] = [];

  constructor(
    private readonly world: World,
    readonly orders: readonly WantedOrder[],
  ) {}

  /** Enough for most: some orders find the shelf empty. */
  fillStock(): void {
    const table = this.world.store('stock').table('stock');
    for (const sku of skus) {
      const available = Math.ceil(this.orders.length * (0.3 + this.world.luck.next() * 0.7));
      this.initialStock.set(sku, available);
      table.apply(sku, available);
    }
  }

  start(): void {
    const { clock } = this.world;
    for (const order of this.orders) clock.after(order.atMs, () => this.place(order));
    this.scheduleSecondThoughts();
    this.every(500, () => this.resendLostStarts());
    this.every(400, () => this.letParkedGoOn());
  }

  /** Every order is placed, and every transaction has come to its end; of a child that is held it is the parent's. */
  isDone(): boolean {
    const all = this.transactions();
    const roots = all.filter(({ parent }) => parent === undefined);
    return (
      roots.length === this.orders.length &&
      all.every(({ phase, parent }) => phase === 'final' || (phase === 'held' && parent !== undefined))
    );
  }

  /** Some orders are called off, and some are held for a while, at any moment of their lives. Drawn apart, so that the
   *  orders of a seed do not depend on it. */
  private scheduleSecondThoughts(): void {
    const { clock, seed } = this.world;
    const luck = seededRandom(seed ^ 0xca11);
    for (const { atMs, transactionId } of this.orders) {
      const thought = luck.next();
      const at = atMs + Math.floor(luck.next() * 3_000);
      if (thought < 0.2) clock.after(at, () => this.wish(transactionId, { type: 'cancel-requested' }));
      else if (thought < 0.3) {
        clock.after(at, () => this.wish(transactionId, { type: 'operator-paused' }));
        this.paused.push(transactionId);
      }
    }
    this.every(2_500, () => {
      for (const id of this.paused) this.wish(id, { type: 'operator-resumed' });
    });
  }

  private every(ms: number, work: () => void): void {
    const { clock } = this.world;
    clock.after(ms, () => {
      work();
      this.every(ms, work);
    });
  }

  private transactions(): readonly StoredPhase[] {
    return this.world
      .store('orchestrator')
      .committed<StoredPhase>('transaction')
      .map(([, row]) => row);
  }

  /** Row and start message are one commit; whoever gets no answer asks again with the same ids (S46). */
  private place(order: WantedOrder): void {
    const { clock, store } = { clock: this.world.clock, store: this.world.store('orders') };
    if (store.table('orders').rows.has(order.orderId)) return;
    clock.after(700, () => this.place(order));
    const [service] = this.world.up('orders');
    if (service === undefined) return;
    const { database, relay } = service;
    void database
      .transaction(async (tx) => {
        if ((await ordersTable(tx).lock(order.orderId)) !== undefined) return;
        const row: OrderRow = { ...order, status: 'PENDING', placedAt: clock.now() };
        await ordersTable(tx).insert(order.orderId, row);
        await relay.append(tx, [this.startOf(order)]);
      })
      .catch(() => this.world.count('orders asked again'));
  }

  private startOf(order: WantedOrder): Message<StartData> {
    const { transactionId, atMs: _, ...input } = order;
    return {
      id: `${transactionId}/start`,
      type: startType,
      source: 'orders',
      topic: inboxTopic,
      key: transactionId,
      partition: this.world.shardOf(transactionId),
      occurredAt: epochMs + order.atMs,
      data: { transactionId, definition: definitionOf(order), input },
    };
  }

  private resendLostStarts(): void {
    const begun = new Set(this.transactions().map(({ transactionId }) => transactionId));
    const rows = this.world.store('orders').committed<OrderRow>('orders');
    for (const [, { orderId, transactionId, placedAt }] of rows) {
      if (begun.has(transactionId) || this.world.clock.now() - placedAt < 2_000) continue;
      const order = this.orders.find((each) => each.orderId === orderId);
      if (order !== undefined) this.world.network.carry(this.startOf(order));
    }
  }

  private letParkedGoOn(): void {
    const parked = this.transactions().filter(({ phase }) => phase === 'parked');
    // During the faults the operator is rarely at the desk.
    const chosen = this.world.faults.healed ? parked : parked.slice(0, this.world.faults.ms(0, 1));
    for (const { transactionId } of chosen) this.wish(transactionId, { type: 'operator-resumed' });
  }

  /** Through the same door as a request's. */
  private wish(transactionId: string, wanted: Wanted): void {
    const instance = this.world.up('orchestrator-a')[0] ?? this.world.up('orchestrator-b')[0];
    if (instance?.journal === undefined) return;
    const { journal, relay, host } = instance;
    const definitions = new Definitions(replayed);
    const shards = this.world.shardCount;
    void new Door({ journal, definitions, relay }, { owner: host.name, shards })
      .wish({ transactionId, wanted, actor: 'operator', reason: 'seen to' })
      .then(({ outcome }) => this.world.count(`${wanted.type}: ${outcome}`))
      .catch(() => this.world.count('wishes asked again'));
  }
}
