/**
 * The rows of orders: everything this service knows of `orders` in SQL, and nothing else.
 * On the order's road it writes twice, in somebody else's transaction: many new orders in one statement, many ends in
 * one statement. It decides nothing, and never changes a final status (I31).
 */
import assert from 'node:assert/strict';
import { Inject, Injectable } from '@nestjs/common';
import { PostgresTx, statement, type PostgresDatabase } from '@sagamore/postgres';
import { Database, type Tx } from '@sagamore/runtime';
import type { OrderProtocol, PlaceOrderInput } from '@sagamore/contracts';
import type { FinalStatus, Order, OrderLine, OrderReason, OrderStatus } from './order.js';

/** An order about to be written, PENDING at version 1. */
export interface NewOrder {
  readonly orderId: string;
  readonly customerId: string;
  readonly idempotencyKey: string;
  readonly requestHash: string;
  readonly protocol: OrderProtocol;
  readonly lines: readonly OrderLine[];
  readonly startInput: PlaceOrderInput;
  /** ms of the store's clock. */
  readonly at: number;
}

export interface OrderKey {
  readonly customerId: string;
  readonly idempotencyKey: string;
}

/** What is known of an order by its idempotency key. */
export interface KnownOrder extends OrderKey {
  readonly orderId: string;
  readonly requestHash: string;
  readonly status: OrderStatus;
}

export interface OrderEnd {
  readonly orderId: string;
  readonly status: FinalStatus;
  /** For REJECTED and CANCELLED alone, and always there. */
  readonly reason: OrderReason | null;
}

export interface OrderQuery {
  readonly status?: OrderStatus | undefined;
  readonly customerId?: string | undefined;
  /** Continue after this order; newest come first. */
  readonly before?: string | undefined;
  readonly limit: number;
}

interface OrderRow {
  readonly order_id: string;
  readonly customer_id: string;
  readonly status: OrderStatus;
  readonly reason: OrderReason | null;
  readonly protocol: OrderProtocol;
  readonly lines: readonly OrderLine[];
  readonly currency: string;
  readonly total_minor: number;
  readonly version: number;
  readonly created_at: number;
  readonly updated_at: number;
}

interface KnownRow {
  readonly order_id: string;
  readonly customer_id: string;
  readonly idempotency_key: string;
  readonly request_hash: string;
  readonly status: OrderStatus;
}

// float8 holds every total (at most 10^12) and every instant in ms exactly, and arrives as a number.
const columns = `order_id, customer_id, status, reason, protocol, lines, currency, total_minor::float8 as total_minor, version,
  (extract(epoch from created_at) * 1000)::float8 as created_at,
  (extract(epoch from updated_at) * 1000)::float8 as updated_at`;

const insertOrders = statement(
  'orders-insert',
  `insert into orders (order_id, customer_id, idempotency_key, request_hash, status, protocol, lines, currency, total_minor,
     ship_to, start_input, version, created_at, updated_at)
   select order_id, customer_id, idempotency_key, request_hash, 'PENDING', protocol, lines, currency, total_minor,
     start_input -> 'shipTo', start_input, 1, to_timestamp(at / 1000), to_timestamp(at / 1000)
   from jsonb_to_recordset($1::jsonb) as fresh (order_id uuid, customer_id text, idempotency_key text,
     request_hash text, protocol text, lines jsonb, currency text, total_minor bigint, start_input jsonb, at float8)
   on conflict (customer_id, idempotency_key) do nothing
   returning order_id`,
);

const findByKeys = statement(
  'orders-find-by-key',
  `select order_id, customer_id, idempotency_key, request_hash, status
   from unnest($1::text[], $2::text[]) as asked (customer, key)
   join orders on customer_id = customer and idempotency_key = key`,
);

// Of a PENDING order the start is kept, of no other (`orders_start_until_final`). Asked by its status, this would be answered
// by the index of pending orders, whole, with the dead entries of all that were ever pending.
const settleOrders = statement(
  'orders-settle',
  `update orders set status = asked.status, reason = asked.reason, start_input = null, version = version + 1,
     updated_at = to_timestamp($4::float8 / 1000)
   from unnest($1::uuid[], $2::text[], $3::jsonb[]) as asked (id, status, reason)
   where order_id = id and orders.start_input is not null
   returning order_id, version`,
);

const findStatuses = statement(
  'orders-statuses',
  `select order_id, status from orders where order_id = any($1::uuid[])`,
);

const findOrders = statement('orders-find', `select ${columns} from orders where order_id = any($1::uuid[])`);

const findFinals = statement(
  'orders-finals',
  `select order_id from orders where order_id = any($1::uuid[]) and status <> 'PENDING'`,
);

const findPending = statement(
  'orders-pending',
  `select protocol, start_input as "startInput" from orders
   where status = 'PENDING' and order_id > $1::uuid and order_id < $2::uuid order by order_id limit $3`,
);

// A literal, not a parameter: only then does the planner see that a partial index serves. The words are ours alone.
const statusFilters: Record<OrderStatus, string> = {
  PENDING: `status = 'PENDING'`,
  CONFIRMED: `status = 'CONFIRMED'`,
  REJECTED: `status = 'REJECTED'`,
  CANCELLED: `status = 'CANCELLED'`,
};

@Injectable()
export class OrderStore {
  constructor(@Inject(Database) private readonly database: PostgresDatabase) {}

  /** Inserts all in one statement and answers the ids of those that are new. One whose (customer, key) is taken is left
   *  out (R29); one taken by a transaction still under way is waited for. Sorted by key, so that two batches that meet
   *  wait for each other in one direction only (R1). */
  async insert(tx: Tx, orders: readonly NewOrder[]): Promise<ReadonlySet<string>> {
    const rows = orders.toSorted(byKey).map((order) => ({
      order_id: order.orderId,
      customer_id: order.customerId,
      idempotency_key: order.idempotencyKey,
      request_hash: order.requestHash,
      protocol: order.protocol,
      lines: order.lines,
      currency: order.startInput.total.currency,
      total_minor: order.startInput.total.amountMinor,
      start_input: order.startInput,
      at: order.at,
    }));
    const inserted = await postgres(tx).query<{ order_id: string }>(insertOrders, [JSON.stringify(rows)]);
    return new Set(inserted.map((row) => row.order_id));
  }

  /** Those of `keys` that have an order. Called AFTER `insert` in the same transaction: a new statement sees what the
   *  insert waited for. */
  async findByKey(tx: Tx, keys: readonly OrderKey[]): Promise<readonly KnownOrder[]> {
    const rows = await postgres(tx).query<KnownRow>(findByKeys, [
      keys.map((key) => key.customerId),
      keys.map((key) => key.idempotencyKey),
    ]);
    return rows.map((row) => ({
      orderId: row.order_id,
      customerId: row.customer_id,
      idempotencyKey: row.idempotency_key,
      requestHash: row.request_hash,
      status: row.status,
    }));
  }

  /** Ends the orders that are still PENDING and answers those, with their new version; all others stay as they are.
   *  What was kept to send the start again is forgotten with it. `at`: ms of the store's clock. */
  async settle(tx: Tx, ends: readonly OrderEnd[], at: number): Promise<ReadonlyMap<string, number>> {
    const sorted = ends.toSorted((one, other) => (one.orderId < other.orderId ? -1 : 1));
    const rows = await postgres(tx).query<{ order_id: string; version: number }>(settleOrders, [
      sorted.map((end) => end.orderId),
      sorted.map((end) => end.status),
      sorted.map((end) => (end.reason === null ? null : JSON.stringify(end.reason))),
      at,
    ]);
    return new Map(rows.map((row) => [row.order_id, row.version]));
  }

  /** The statuses of those that exist. */
  async statuses(tx: Tx, orderIds: readonly string[]): Promise<ReadonlyMap<string, OrderStatus>> {
    const rows = await postgres(tx).query<{ order_id: string; status: OrderStatus }>(findStatuses, [
      orderIds,
    ]);
    return new Map(rows.map((row) => [row.order_id, row.status]));
  }

  /** Those of `orderIds` that exist, in no order. */
  async find(orderIds: readonly string[]): Promise<readonly Order[]> {
    return (await this.database.read<OrderRow>(findOrders, [orderIds])).map(toOrder);
  }

  /** Those of `orderIds` that have come to their end. */
  async finals(orderIds: readonly string[]): Promise<readonly string[]> {
    const rows = await this.database.read<{ order_id: string }>(findFinals, [orderIds]);
    return rows.map((row) => row.order_id);
  }

  /** Newest first. */
  async list({ status, customerId, before, limit }: OrderQuery): Promise<readonly Order[]> {
    const values: unknown[] = [limit];
    const conditions = status === undefined ? [] : [statusFilters[status]];
    if (customerId !== undefined) conditions.push(`customer_id = $${values.push(customerId)}`);
    if (before !== undefined) conditions.push(`order_id < $${values.push(before)}::uuid`);
    const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
    const page = statement(
      `orders-list-${status ?? 'any'}-${conditions.length}-${customerId === undefined ? 'all' : 'customer'}`,
      `select ${columns} from orders ${where} order by order_id desc limit $1`,
    );
    return (await this.database.read<OrderRow>(page, values)).map(toOrder);
  }

  /** PENDING orders with ids between `after` and `before`, oldest first, with what their transaction begins with. */
  async pending(range: {
    readonly after: string;
    readonly before: string;
    readonly limit: number;
  }): Promise<readonly Pick<NewOrder, 'protocol' | 'startInput'>[]> {
    return this.database.read<Pick<NewOrder, 'protocol' | 'startInput'>>(findPending, [
      range.after,
      range.before,
      range.limit,
    ]);
  }
}

function byKey(one: OrderKey, other: OrderKey): number {
  if (one.customerId !== other.customerId) return one.customerId < other.customerId ? -1 : 1;
  return one.idempotencyKey < other.idempotencyKey ? -1 : 1;
}

function toOrder(row: OrderRow): Order {
  return {
    orderId: row.order_id,
    customerId: row.customer_id,
    status: row.status,
    reason: row.reason,
    protocol: row.protocol,
    lines: row.lines,
    currency: row.currency,
    totalMinor: row.total_minor,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** The transaction as these stores know it; one of another technology is a bug. */
export function postgres(tx: Tx): PostgresTx {
  assert(tx instanceof PostgresTx, 'a store in Postgres was given the transaction of another technology');
  return tx;
}
