/**
 * Places orders: the order's row and the start of its transaction, together in one database transaction (S44).
 * POSTs that arrive while one commit is under way share the next: one insert and one flush serve them all.
 * It never waits for the saga, and never answers one key with two orders (I28).
 */
import { placeOrderDefinitions } from '@sagamore/contracts';
import type { OrderProtocol, PlaceOrderInput } from '@sagamore/contracts';
import type { Refusal } from '@sagamore/engine';
import { fingerprint } from '@sagamore/platform';
import { shardOf, uuidv7 } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import {
  gather,
  inboxTopic,
  startType,
  traceparentOf,
  type Database,
  type Message,
  type OutboxRelay,
  type StartData,
  type Tx,
} from '@sagamore/runtime';
import { place, type OrderStatus, type Priced, type Product, type Wish } from './order.js';
import type { KnownOrder, NewOrder, OrderKey, OrderStore } from './order.store.js';

/** `accepted`: the order exists, now or since an earlier call with this key; `status` is where it stands.
 *  `key-reused`: the key belongs to another request. `catalogue-empty`: nothing can be priced yet. */
export type Placed =
  | {
      readonly outcome: 'accepted';
      readonly orderId: string;
      readonly status: OrderStatus;
      readonly repeated: boolean;
    }
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  | { readonly outcome: 'key-reused' }
  | { readonly outcome: 'catalogue-empty' };

/** Where prices come from. */
export interface Catalogue {
  readonly products: ReadonlyMap<string, Product>;
}

export interface OrderServicePorts {
  readonly database: Database;
  readonly orders: OrderStore;
  readonly relay: OutboxRelay;
  readonly catalogue: Catalogue;
}

interface Request extends OrderKey {
  readonly hash: string;
  readonly wish: Wish;
  /** Absent when the wish cannot be priced: then only an earlier order with the same key can answer it. */
  readonly priced?: Priced;
}

type Written = { readonly known: KnownOrder | undefined; readonly fresh: boolean };
type Settled = Written | { readonly error: unknown };

/** Attempts for one batch when the database asks to try again. */
const attemptsMax = 5;

export class OrderService {
  private readonly write: (request: Request) => Promise<Settled>;

  constructor(
    private readonly ports: OrderServicePorts,
    private readonly options: { readonly shards: number },
  ) {
    this.write = gather((requests: readonly Request[]) => this.writeIsolated(requests));
  }

  /** Places the order that `wish` asks for, once for each (customer, key): a repeat is answered from the first order,
   *  even when the catalogue has changed since, or while the first is still being written (S46). Throws a `Fault` when
   *  the database cannot answer; the same call may then be made again with the same key. */
  async place(wish: Wish, idempotencyKey: string): Promise<Placed> {
    const { products } = this.ports.catalogue;
    const decision = place(wish, products);
    const request = { customerId: wish.customerId, idempotencyKey, hash: fingerprint(wish), wish };
    const settled = await this.write(
      'priced' in decision ? { ...request, priced: decision.priced } : request,
    );
    if ('error' in settled) throw settled.error;
    const { known, fresh } = settled;
    if (known !== undefined) return answer(known, request.hash, fresh);
    if (products.size === 0) return { outcome: 'catalogue-empty' };
    if ('refusal' in decision) return { outcome: 'refused', refusal: decision.refusal };
    throw new Fault('SERIALIZATION_CONFLICT', `wanted the order of a taken key, found none`, {
      retryable: true,
    });
  }

  /** One item that the database can never take must not fail those that came with it (R2). */
  private async writeIsolated(requests: readonly Request[]): Promise<readonly Settled[]> {
    try {
      return await this.writePatiently(requests);
    } catch (error) {
      const divisible = requests.length > 1 && error instanceof Fault && error.code === 'DATA_REJECTED';
      if (!divisible) return requests.map(() => ({ error }));
      const half = requests.length >> 1;
      const first = await this.writeIsolated(requests.slice(0, half));
      return [...first, ...(await this.writeIsolated(requests.slice(half)))];
    }
  }

  /** The key makes a second attempt safe, also where the fate of the first COMMIT is unknown: it finds what was written. */
  private async writePatiently(requests: readonly Request[]): Promise<readonly Settled[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.ports.database.transaction((tx) => this.writeAll(tx, requests));
      } catch (error) {
        if (attempt === attemptsMax || !isWorthRepeating(error)) throw error;
      }
    }
  }

  private async writeAll(tx: Tx, requests: readonly Request[]): Promise<readonly Settled[]> {
    const at = this.ports.database.now();
    const drafts = requests.map((request) => draft(request, at));
    const fresh = drafts.filter((order) => order !== undefined);
    const inserted = fresh.length === 0 ? new Set<string>() : await this.ports.orders.insert(tx, fresh);
    const starts = fresh.filter((order) => inserted.has(order.orderId));
    await this.ports.relay.append(
      tx,
      starts.map((order) => startMessage(order, at, this.options.shards)),
    );
    const others = requests.filter((_, index) => !inserted.has(drafts[index]?.orderId ?? ''));
    const found = others.length === 0 ? [] : await this.ports.orders.findByKey(tx, others);
    const known = new Map(found.map((order) => [keyOf(order), order]));
    return requests.map((request, index) => {
      const own = drafts[index];
      if (own !== undefined && inserted.has(own.orderId))
        return { known: { ...own, status: 'PENDING' }, fresh: true };
      return { known: known.get(keyOf(request)), fresh: false };
    });
  }
}

/** What the transaction of an order begins with. */
export interface OrderStart {
  readonly protocol: OrderProtocol;
  readonly startInput: PlaceOrderInput;
}

/** The message that begins the transaction of an order. The order's id is the transaction's: one transaction an order
 *  (I11). Sending it again is safe: the orchestrator knows the transaction by its id (R16). `at`: ms. */
export function startMessage(
  { startInput: input, protocol }: OrderStart,
  at: number,
  shards: number,
): Message<StartData> {
  const transactionId = input.orderId;
  return {
    id: `${transactionId}/start`,
    type: startType,
    source: 'order',
    topic: inboxTopic,
    key: transactionId,
    partition: shardOf(transactionId, shards),
    occurredAt: at,
    traceparent: traceparentOf(transactionId),
    data: { transactionId, definition: placeOrderDefinitions[protocol], input },
  };
}

function draft(
  { customerId, idempotencyKey, hash, wish, priced }: Request,
  at: number,
): NewOrder | undefined {
  if (priced === undefined) return undefined;
  const orderId = uuidv7(at);
  const startInput: PlaceOrderInput = {
    orderId,
    customerId,
    lines: priced.lines.map(({ sku, quantity }) => ({ sku, quantity })),
    total: { amountMinor: priced.totalMinor, currency: priced.currency },
    paymentToken: wish.paymentToken,
    shipTo: wish.shipTo,
  };
  const { protocol } = wish;
  const { lines } = priced;
  return { orderId, customerId, idempotencyKey, requestHash: hash, protocol, lines, startInput, at };
}

function answer({ orderId, status, requestHash }: KnownOrder, hash: string, fresh: boolean): Placed {
  if (requestHash !== hash) return { outcome: 'key-reused' };
  return { outcome: 'accepted', orderId, status, repeated: !fresh };
}

function isWorthRepeating(error: unknown): boolean {
  return (
    error instanceof Fault && (error.code === 'SERIALIZATION_CONFLICT' || error.code === 'COMMIT_UNKNOWN')
  );
}

/** Neither part can hold a space, so no two pairs share a text. */
function keyOf({ customerId, idempotencyKey }: OrderKey): string {
  return `${customerId} ${idempotencyKey}`;
}
