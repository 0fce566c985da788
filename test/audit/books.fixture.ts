/**
 * Five databases of a stack with three orders whose every row is right: one completed, one compensated, one parked with
 * its money still taken. What a spec breaks in them it breaks inside a transaction that is rolled back.
 */
import { placeOrder } from '../../apps/orchestrator/src/transactions/place-order.saga.js';
import { Stock1800000000000 } from '../../apps/inventory/src/migrations/1800000000000-stock.js';
import { StockHold1800000100000 } from '../../apps/inventory/src/migrations/1800000100000-stock-hold.js';
import { Order1800000000000 } from '../../apps/order/src/migrations/1800000000000-order.js';
import { OrderProtocol1800000100000 } from '../../apps/order/src/migrations/1800000100000-order-protocol.js';
import { Ledger1800000000000 } from '../../apps/payment/src/migrations/1800000000000-ledger.js';
import { LedgerHold1800000100000 } from '../../apps/payment/src/migrations/1800000100000-ledger-hold.js';
import { Shipment1800000000000 } from '../../apps/shipping/src/migrations/1800000000000-shipment.js';
import { ShipmentHold1800000100000 } from '../../apps/shipping/src/migrations/1800000100000-shipment-hold.js';
import {
  openDataSource,
  orchestratorMigrations,
  platformMigrations,
  runMigrations,
} from '@sagamore/postgres';
import type { DataSourceOptions } from '@sagamore/postgres';
import { testPostgres } from '../support/postgres.js';
import type { AuditedDatabase } from './database.js';
import { openDatabases, type AuditedStack, type Place, type ServiceName } from './stack.js';

export const completed = '01990000-0000-7000-8000-000000000001';
export const compensated = '01990000-0000-7000-8000-000000000002';
export const parked = '01990000-0000-7000-8000-000000000003';

const migrations: Readonly<Record<ServiceName, NonNullable<DataSourceOptions['migrations']>>> = {
  order: [...platformMigrations, Order1800000000000, OrderProtocol1800000100000],
  inventory: [...platformMigrations, Stock1800000000000, StockHold1800000100000],
  payment: [...platformMigrations, Ledger1800000000000, LedgerHold1800000100000],
  shipping: [...platformMigrations, Shipment1800000000000, ShipmentHold1800000100000],
  orchestrator: orchestratorMigrations,
};

export interface Books {
  readonly urls: Place['databaseUrls'];
  readonly databases: AuditedStack['databases'];
  close(): Promise<void>;
}

/** Fresh databases with the three orders. The caller closes. */
export async function healthyBooks(): Promise<Books> {
  const postgres = await testPostgres();
  const urls: Record<string, string> = {};
  for (const [service, wanted] of Object.entries(migrations)) {
    const url = await postgres.freshDatabase();
    const dataSource = await openDataSource({ url, migrations: wanted });
    await runMigrations(dataSource);
    await dataSource.destroy();
    urls[service] = url;
  }
  const { order = '', inventory = '', payment = '', shipping = '', orchestrator = '' } = urls;
  const all = { order, inventory, payment, shipping, orchestrator };
  const databases = await openDatabases(all);
  for (const [service, sql] of statements()) await databases[service].query(sql);
  return {
    urls: all,
    databases,
    close: async () => {
      for (const database of Object.values(databases)) await database.close();
    },
  };
}

/** The tables that hold what the outside says, with what agrees with the three orders. */
export async function healthyOutside(databases: AuditedStack['databases']): Promise<void> {
  await databases.payment
    .query(`create temp table outside_card (position bigint, kind text, key text, payment_key text,
      amount_minor bigint, currency text, reference text);
    insert into outside_card values
      (1, 'charge', '${completed}/charge-payment', null, 3780, 'EUR', '${completed}'),
      (2, 'charge', '${compensated}/charge-payment', null, 1890, 'EUR', '${compensated}'),
      (3, 'refund', '${compensated}/charge-payment/refund', '${compensated}/charge-payment', 1890, 'EUR', '${compensated}'),
      (4, 'charge', '${parked}/charge-payment', null, 1890, 'EUR', '${parked}')`);
  await databases.shipping
    .query(`create temp table outside_parcel (position bigint, kind text, key text, parcel_key text,
      reference text);
    insert into outside_parcel values (1, 'shipment', '${completed}/create-shipment', null, '${completed}')`);
  await databases.order
    .query(`create temp table client_answer (position bigint, customer_id text, idempotency_key text,
      http integer, order_id text);
    create temp table client_read (position bigint, order_id text, http integer, status text);
    insert into client_answer values (1, 'ada', 'k1', 202, '${completed}'), (3, 'ada', 'k1', 202, '${completed}'),
      (4, 'ada', 'k2', 0, null), (5, 'ada', 'k2', 202, '${compensated}'), (7, 'ada', 'refused', 422, null);
    insert into client_read values (2, '${completed}', 200, 'PENDING'), (6, '${completed}', 200, 'CONFIRMED'),
      (8, '${compensated}', 200, 'REJECTED')`);
}

/** Broken rows would be refused by the tables' own guards; a spec takes those away first, as a bug in them would. */
export async function withoutGuards(database: AuditedDatabase): Promise<void> {
  const guards = await database.query<{
    sql: string;
  }>(`select format('alter table %s drop constraint %I cascade',
      conrelid::regclass, conname) as sql
    from pg_constraint where connamespace = 'public'::regnamespace and contype in ('c', 'p', 'u')
    order by contype`);
  for (const { sql } of guards) await database.query(sql);
}

function statements(): readonly (readonly [ServiceName, string])[] {
  return [
    ...[
      { id: completed, key: 'k1', quantity: 2, status: 'CONFIRMED' },
      { id: compensated, key: 'k2', quantity: 1, status: 'REJECTED' },
      { id: parked, key: 'k3', quantity: 1, status: 'PENDING' },
    ].map(({ id, key, quantity, status }) => ['order', orderRow(id, key, quantity, status)] as const),
    ['order', barrierRow(completed, 'confirm-order', 'action', 'succeeded')],
    ['order', barrierRow(compensated, 'reject-order', 'action', 'succeeded')],
    ['inventory', `insert into stock (sku, available) values ('COFFEE', 97)`],
    [
      'inventory',
      `insert into stock_move (operation_id, sku, kind, quantity) values ('opening/COFFEE', 'COFFEE', 'received', 100)`,
    ],
    ...branch('inventory', 'reserve-inventory'),
    ['inventory', stockMove(completed, 'action', 2)],
    ['inventory', stockMove(compensated, 'action', 1)],
    ['inventory', stockMove(compensated, 'compensation', 1)],
    ['inventory', stockMove(parked, 'action', 1)],
    ...branch('payment', 'charge-payment'),
    ['payment', charge(completed, 3_780)],
    ['payment', charge(compensated, 1_890)],
    ['payment', refund(compensated, 1_890)],
    ['payment', charge(parked, 1_890)],
    ['shipping', barrierRow(completed, 'create-shipment', 'action', 'succeeded')],
    ['shipping', barrierRow(compensated, 'create-shipment', 'action', 'refused')],
    ['shipping', barrierRow(parked, 'create-shipment', 'action', 'refused')],
    [
      'shipping',
      `insert into shipment (transaction_id, branch_id, shipment_id, tracking_number, status)
       values ('${completed}', 'create-shipment', 'sh_1', 'TRK1', 'booked')`,
    ],
    [
      'shipping',
      `insert into shipment_move (operation_id, transaction_id, branch_id, kind)
       values ('${completed}/create-shipment/action', '${completed}', 'create-shipment', 'created')`,
    ],
    ['orchestrator', transaction(completed, 'completed', null)],
    [
      'orchestrator',
      transaction(compensated, 'compensated', { kind: 'refused', branchId: 'create-shipment' }),
    ],
    ['orchestrator', transaction(parked, 'parked', { kind: 'undo-failed', branchId: 'charge-payment' })],
    [
      'orchestrator',
      journal(completed, ['reserve-inventory', 'charge-payment', 'create-shipment', 'confirm-order'], []),
    ],
    [
      'orchestrator',
      journal(compensated, ['reserve-inventory', 'charge-payment'], ['charge-payment', 'reserve-inventory']),
    ],
    ['orchestrator', journal(parked, ['reserve-inventory', 'charge-payment'], [])],
  ];
}

/** What both kinds of participants with an undo keep of the three orders. */
function branch(service: ServiceName, name: string): readonly (readonly [ServiceName, string])[] {
  return [
    [service, barrierRow(completed, name, 'action', 'succeeded')],
    [service, barrierRow(compensated, name, 'action', 'succeeded')],
    [service, barrierRow(compensated, name, 'compensation', 'succeeded')],
    [service, barrierRow(parked, name, 'action', 'succeeded')],
  ];
}

export function orderRow(id: string, key: string, quantity: number, status: string): string {
  const lines = JSON.stringify([{ sku: 'COFFEE', quantity, unitPriceMinor: 1_890 }]);
  const reason = status === 'REJECTED' ? `'{"code": "country-not-served"}'` : 'null';
  const input = status === 'PENDING' ? `'{}'` : 'null';
  return `insert into orders (order_id, customer_id, idempotency_key, request_hash, status, reason, lines, currency,
      total_minor, ship_to, start_input, version, created_at, updated_at)
    values ('${id}', 'ada', '${key}', 'hash', '${status}', ${reason}, '${lines}', 'EUR', ${quantity * 1_890}, '{}',
      ${input}, 1, now(), now())`;
}

export function barrierRow(
  id: string,
  branchId: string,
  operation: string,
  outcome: string,
  generation = 1,
): string {
  return `insert into barrier (transaction_id, branch_id, operation, generation, outcome)
    values ('${id}', '${branchId}', '${operation}', ${generation}, '${outcome}')`;
}

export function stockMove(id: string, half: 'action' | 'compensation', quantity: number): string {
  return `insert into stock_move (operation_id, sku, transaction_id, kind, quantity) values
    ('${id}/reserve-inventory/${half}', 'COFFEE', '${id}', '${half === 'action' ? 'taken' : 'returned'}', ${quantity})`;
}

export function charge(id: string, amountMinor: number): string {
  return entries(`${id}/charge-payment/action`, id, [
    ['card-network', 'deposit', -amountMinor],
    ['customer:ada', 'deposit', amountMinor],
    ['customer:ada', 'charge', -amountMinor],
    ['merchant', 'charge', amountMinor],
  ]);
}

export function refund(id: string, amountMinor: number): string {
  return entries(`${id}/charge-payment/compensation`, id, [
    ['merchant', 'refund', -amountMinor],
    ['customer:ada', 'refund', amountMinor],
    ['customer:ada', 'withdrawal', -amountMinor],
    ['card-network', 'withdrawal', amountMinor],
  ]);
}

export function hold(id: string, amountMinor: number): string {
  return entries(`${id}/authorize-payment/try`, id, [
    ['card-network', 'hold', -amountMinor],
    ['hold:ada', 'hold', amountMinor],
  ]);
}

function entries(
  operationId: string,
  id: string,
  rows: readonly (readonly [string, string, number])[],
): string {
  const values = rows.map(
    ([account, kind, amount]) => `('${operationId}', '${account}', '${kind}', 'EUR', ${amount}, '${id}')`,
  );
  return `insert into ledger_entry (operation_id, account, kind, currency, amount_minor, transaction_id)
    values ${values.join(', ')}`;
}

export function transaction(id: string, status: string, reason: object | null): string {
  const phase = status === 'parked' ? 'parked' : status === 'executing' ? 'moving' : 'final';
  const told = reason === null ? 'null' : `'${JSON.stringify(reason)}'`;
  return `insert into transaction (transaction_id, started_at, updated_at, shard, definition_version, definition, status,
      phase, reason, input)
    values ('${id}', now(), now(), 0, 1, '${placeOrder.name}', '${status}', '${phase}', ${told}, '{}')`;
}

export function journal(id: string, done: readonly string[], undone: readonly string[]): string {
  const events = [
    ...done.map((branchId) => ({ branchId, operation: 'action' })),
    ...undone.map((branchId) => ({ branchId, operation: 'compensation' })),
  ].map((half) => ({
    type: 'replied',
    ...half,
    generation: 1,
    attempt: 1,
    reply: { outcome: 'succeeded', output: {} },
  }));
  const rows = events.map((event, index) => `('${id}', 1, ${index + 1}, '${JSON.stringify(event)}')`);
  return `insert into journal (transaction_id, epoch, seq, event) values ${rows.join(', ')}`;
}
