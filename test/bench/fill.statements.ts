/**
 * The rows that a long life leaves behind, by SQL: transactions that wait for a month, and orders that ended well, in every
 * table that keeps them. The shapes follow the tables of the services; where a migration changes one, this file changes with
 * it. Pure.
 */
import { event, input, lines, reply, shipTo } from './floor.statements.js';

/** What a database is filled with. */
export type Filled = 'waiting' | 'finished';

/** Inserts the rows of transactions $1 to $2; $3 is the instant of the first, ms since the epoch. Ten fall into each ms. */
export interface FillStatement {
  readonly service: string;
  readonly table: string;
  readonly text: string;
}

/** On the disk, with all indexes, as measured; to say beforehand whether there is room. */
export const bytesEach: Readonly<Record<Filled, number>> = { waiting: 260, finished: 5_700 };

export const perMs = 10;
const monthMs = 30 * 86_400_000;

/** Ids of version 7, each later than the one before, as ours are. */
const given = `(select (lpad(to_hex($3::bigint + n / ${perMs}), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid as id, n,
    to_timestamp(($3::bigint + n / ${perMs}) / 1000.0) as at
  from generate_series($1::bigint, $2::bigint) as n) as given`;

/** Everything of one kind. Each statement stands for itself; those of one service follow each other. */
export function fillStatements(filled: Filled): readonly FillStatement[] {
  return filled === 'waiting' ? [waiting()] : finished();
}

/** As `npm run bench -- waits` begins them: they are due in a month, and nobody holds them in memory. */
function waiting(): FillStatement {
  return insert('orchestrator', 'transaction', {
    transaction_id: 'id',
    definition: `'waiting'`,
    definition_version: '1',
    shard: 'n % 4',
    status: `'executing'`,
    phase: `'moving'`,
    input: `json_build_object('until', $3::bigint + ${monthMs})`,
    started_at: 'at',
    updated_at: 'at',
    due_at: `at + interval '30 days'`,
  });
}

function finished(): readonly FillStatement[] {
  return [
    insert('order', 'orders', {
      order_id: 'id',
      customer_id: `'bench-' || n % 1000`,
      idempotency_key: `'filled-' || n`,
      request_hash: 'md5(n::text) || md5(n::text)',
      status: `'CONFIRMED'`,
      lines: `'${lines}'::jsonb`,
      currency: `'EUR'`,
      total_minor: '574',
      ship_to: `'${shipTo}'::jsonb`,
      version: '2',
      created_at: 'at',
      updated_at: 'at',
    }),
    answered('order', 'confirm-order'),
    insert('orchestrator', 'transaction', {
      transaction_id: 'id',
      definition: `'place-order'`,
      definition_version: '1',
      shard: 'n % 4',
      status: `'completed'`,
      phase: `'final'`,
      input: `'${input}'::json`,
      started_at: 'at',
      updated_at: 'at',
    }),
    insert(
      'orchestrator',
      'journal',
      { transaction_id: 'id', epoch: '1', seq: 'seq', event: `'${event}'::json` },
      'generate_series(1, 4) as seq',
    ),
    answered('inventory', 'reserve-inventory'),
    insert('inventory', 'stock_move', {
      operation_id: `id || '/reserve-inventory/action'`,
      transaction_id: 'id::text',
      sku: `'SKU-' || lpad((1 + n % 900)::text, 5, '0')`,
      kind: `'taken'`,
      quantity: '1',
      occurred_at: 'at',
    }),
    answered('payment', 'charge-payment'),
    insert(
      'payment',
      'ledger_entry',
      {
        operation_id: `id || '/charge-payment/action'`,
        account: `case account when 'customer' then 'customer:bench-' || n % 1000 else account end`,
        kind: 'kind',
        currency: `'EUR'`,
        amount_minor: 'amount',
        transaction_id: 'id::text',
        occurred_at: 'at',
      },
      `(values ('escrow', 'deposit', -574), ('customer', 'deposit', 574), ('customer', 'charge', -574),
        ('merchant', 'charge', 574)) as booked (account, kind, amount)`,
    ),
    answered('shipping', 'create-shipment'),
    insert('shipping', 'shipment', {
      transaction_id: 'id::text',
      branch_id: `'create-shipment'`,
      shipment_id: `'sh_' || id || '/create-shipment'`,
      tracking_number: `'TR' || id || '/create-shipment'`,
      status: `'booked'`,
      booked_at: 'at',
    }),
    insert('shipping', 'shipment_move', {
      operation_id: `id || '/create-shipment/action'`,
      transaction_id: 'id::text',
      branch_id: `'create-shipment'`,
      kind: `'created'`,
      occurred_at: 'at',
    }),
  ];
}

function answered(service: string, branch: string): FillStatement {
  return insert(service, 'barrier', {
    transaction_id: 'id',
    branch_id: `'${branch}'`,
    operation: `'action'`,
    generation: '1',
    outcome: `'succeeded'`,
    reply: `'${reply}'::json`,
  });
}

function insert(
  service: string,
  table: string,
  columns: Readonly<Record<string, string>>,
  beside?: string,
): FillStatement {
  const [names, values] = [Object.keys(columns), Object.values(columns)];
  const from = beside === undefined ? given : `${given} cross join ${beside}`;
  const text = `insert into ${table} (${names.join(', ')}) select ${values.join(', ')} from ${from}`;
  return { service, table, text };
}
