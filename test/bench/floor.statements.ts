/**
 * The statements of the floor: what an order writes, commit by commit, in the order of its road; every tenth is refused at its
 * third step and undone. The shapes follow the tables of the services; where a migration changes one, this file changes with
 * it. Pure.
 *
 * Not in it, though the house does it for an order: it reads (seats of the barrier, intents, stock, orders), it carries stock
 * levels to the order service's own catalogue, and it leaves no transaction half done when a process dies.
 */

export interface SqlStatement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** One commit in one database. */
export interface FloorStep {
  readonly service: string;
  readonly statements: readonly SqlStatement[];
}

type Columns = Readonly<Record<string, readonly [type: string, values: readonly unknown[]]>>;

export const shipTo = JSON.stringify({
  name: 'Ada Lovelace',
  street: '1 Harbour Road',
  city: 'Oldport',
  postcode: '4051',
  country: 'CH',
});
/** As long as the inputs, messages and events of the real road are on average. */
export const input = JSON.stringify({ input: 'x'.repeat(330) });
const startMessage = JSON.stringify({ message: 'x'.repeat(640) });
const factMessage = JSON.stringify({ message: 'x'.repeat(360) });
const command = JSON.stringify({ command: 'x'.repeat(600) });
export const reply = JSON.stringify({ reply: 'x'.repeat(110) });
export const event = JSON.stringify({ event: 'x'.repeat(210) });
export const lines = JSON.stringify([{ sku: 'SKU-00001', quantity: 1, unitPriceMinor: 574 }]);

/** What one round of commits carries. */
export interface FloorBatch {
  readonly ids: readonly string[];
  /** Those of the batch before that were refused: their undo shares the commits of this one, as it does in a busy house. */
  readonly undone: readonly string[];
  readonly catalogue: number;
}

/** The tenth that no carrier serves. */
export function refusedOf(ids: readonly string[]): readonly string[] {
  return ids.filter((_, at) => at % 10 === 9);
}

/** Every commit that one batch of orders makes, first to last. Rows are taken in order, so batches never lock each
 *  other in a circle. */
export function stepsOf({ ids, undone, catalogue }: FloorBatch): readonly FloorStep[] {
  const refused = refusedOf(ids);
  const served = ids.filter((id) => !refused.includes(id));
  const ended = [...served, ...undone];
  return [
    { service: 'order', statements: [placed(ids), appended(ids, startMessage)] },
    { service: 'order', statements: [published(ids)] },
    { service: 'orchestrator', statements: [begun(ids)] },
    {
      service: 'inventory',
      statements: [
        ...moved(ids, catalogue, taking),
        answered(ids, 'reserve-inventory'),
        ...moved(undone, catalogue, returning),
        answered(undone, 'reserve-inventory', 'compensation'),
      ],
    },
    { service: 'orchestrator', statements: [journalled(ids, 1), journalled(undone, 5)] },
    {
      service: 'payment',
      statements: [promised(ids, 'charge-payment'), promised(undone, 'charge-payment', 'compensation')],
    },
    {
      service: 'payment',
      statements: [
        kept(ids),
        booked(ids),
        answered(ids, 'charge-payment'),
        kept(undone, 'compensation'),
        refunded(undone),
        answered(undone, 'charge-payment', 'compensation'),
      ],
    },
    { service: 'orchestrator', statements: [journalled(ids, 2), journalled(undone, 4)] },
    { service: 'shipping', statements: [promised(ids, 'create-shipment')] },
    {
      service: 'shipping',
      statements: [
        kept(ids),
        ...shipped(served),
        answered(served, 'create-shipment'),
        barrier('refused', refused, 'create-shipment', { outcome: 'refused', reply }),
      ],
    },
    { service: 'orchestrator', statements: [journalled(ids, 3), turned(refused)] },
    {
      service: 'order',
      statements: [
        confirmed(served),
        rejected(undone),
        appended(ended, factMessage),
        answered(served, 'confirm-order'),
        answered(undone, 'reject-order'),
      ],
    },
    { service: 'order', statements: [published(ended)] },
    {
      service: 'orchestrator',
      statements: [
        journalled(served, 4),
        journalled(undone, 6),
        concluded(served, 'completed'),
        concluded(undone, 'compensated'),
        appended(ended, factMessage),
      ],
    },
    { service: 'orchestrator', statements: [published(ended)] },
  ];
}

type Operation = 'action' | 'compensation';

function insert(name: string, table: string, columns: Columns): SqlStatement {
  const names = Object.keys(columns);
  const given = names.map((column, at) => `$${at + 1}::${columns[column]![0]}[]`);
  return {
    name,
    text: `insert into ${table} (${names.join(', ')}) select * from unnest(${given.join(', ')})`,
    values: names.map((column) => columns[column]![1]),
  };
}

const same = (ids: readonly string[], value: unknown): readonly unknown[] => ids.map(() => value);
const operationIds = (
  ids: readonly string[],
  branch: string,
  operation: Operation = 'action',
): readonly string[] => ids.map((id) => `${id}/${branch}/${operation}`);

function placed(ids: readonly string[]): SqlStatement {
  const now = new Date().toISOString();
  return insert('placed', 'orders', {
    order_id: ['uuid', ids],
    customer_id: ['text', ids.map((_, at) => `bench-${at}`)],
    idempotency_key: ['text', ids.map((id) => id.slice(-13))],
    request_hash: ['text', ids.map((id) => id.repeat(2).slice(0, 64))],
    status: ['text', same(ids, 'PENDING')],
    lines: ['jsonb', same(ids, lines)],
    currency: ['text', same(ids, 'EUR')],
    total_minor: ['bigint', same(ids, 574)],
    ship_to: ['jsonb', same(ids, shipTo)],
    start_input: ['jsonb', same(ids, input)],
    version: ['integer', same(ids, 1)],
    created_at: ['timestamptz', same(ids, now)],
    updated_at: ['timestamptz', same(ids, now)],
  });
}

function appended(ids: readonly string[], message: string): SqlStatement {
  return insert(`appended-${message.length}`, 'outbox', {
    key: ['text', ids],
    owner: ['text', same(ids, 'floor')],
    claimed_until: ['timestamptz', same(ids, new Date().toISOString())],
    message: ['json', same(ids, message)],
  });
}

/** The oldest rows are the last batch's: nobody else writes. */
function published(ids: readonly string[]): SqlStatement {
  const text = 'delete from outbox where id in (select id from outbox order by id limit $1)';
  return { name: 'published', text, values: [ids.length] };
}

function begun(ids: readonly string[]): SqlStatement {
  const now = new Date().toISOString();
  return insert('begun', 'transaction', {
    transaction_id: ['uuid', ids],
    definition: ['text', same(ids, 'place-order')],
    definition_version: ['integer', same(ids, 1)],
    shard: ['integer', same(ids, 0)],
    status: ['text', same(ids, 'executing')],
    phase: ['text', same(ids, 'moving')],
    input: ['json', same(ids, input)],
    started_at: ['timestamptz', same(ids, now)],
    updated_at: ['timestamptz', same(ids, now)],
  });
}

function journalled(ids: readonly string[], seq: number): SqlStatement {
  return insert('journalled', 'journal', {
    transaction_id: ['uuid', ids],
    seq: ['integer', same(ids, seq)],
    epoch: ['bigint', same(ids, 1)],
    event: ['json', same(ids, event)],
  });
}

/** The road turns: what was done is undone from now on. */
function turned(ids: readonly string[]): SqlStatement {
  const text = `update transaction set status = 'compensating', updated_at = clock_timestamp()
    where transaction_id = any($1::uuid[])`;
  return { name: 'turned', text, values: [ids] };
}

function concluded(ids: readonly string[], status: string): SqlStatement {
  const text = `update transaction set status = $2::text, phase = 'final', updated_at = clock_timestamp()
    where transaction_id = any($1::uuid[])`;
  return { name: 'concluded', text, values: [ids, status] };
}

function confirmed(ids: readonly string[]): SqlStatement {
  const text = `update orders set status = 'CONFIRMED', start_input = null, version = 2,
    updated_at = clock_timestamp() where order_id = any($1::uuid[])`;
  return { name: 'confirmed', text, values: [ids] };
}

function rejected(ids: readonly string[]): SqlStatement {
  const text = `update orders set status = 'REJECTED', reason = '{"code": "country-not-served"}', start_input = null,
    version = 2, updated_at = clock_timestamp() where order_id = any($1::uuid[])`;
  return { name: 'rejected', text, values: [ids] };
}

function answered(ids: readonly string[], branch: string, operation: Operation = 'action'): SqlStatement {
  return barrier('answered', ids, branch, { outcome: 'succeeded', reply, operation });
}

interface Seat {
  readonly outcome: string;
  readonly reply: string | null;
  readonly operation?: Operation;
}

function barrier(
  name: string,
  ids: readonly string[],
  branch: string,
  { outcome, reply: saved, operation = 'action' }: Seat,
): SqlStatement {
  return insert(name, 'barrier', {
    transaction_id: ['uuid', ids],
    branch_id: ['text', same(ids, branch)],
    operation: ['text', same(ids, operation)],
    generation: ['integer', same(ids, 1)],
    outcome: ['text', same(ids, outcome)],
    reply: ['json', same(ids, saved)],
  });
}

/** Before a call goes to the outside: the intent to make it, in its place in the barrier. */
function promised(ids: readonly string[], branch: string, operation: Operation = 'action'): SqlStatement {
  return insert('promised', 'barrier', {
    transaction_id: ['uuid', ids],
    branch_id: ['text', same(ids, branch)],
    operation: ['text', same(ids, operation)],
    generation: ['integer', same(ids, 1)],
    outcome: ['text', same(ids, 'claimed')],
    owner: ['text', same(ids, 'floor')],
    claimed_until: ['timestamptz', same(ids, new Date().toISOString())],
    command: ['json', same(ids, command)],
  });
}

/** After the call it goes, and the answer takes its place. */
function kept(ids: readonly string[], operation: Operation = 'action'): SqlStatement {
  const text = 'delete from barrier where transaction_id = any($1::uuid[]) and operation = $2';
  return { name: 'kept', text, values: [ids, operation] };
}

interface Move {
  readonly change: number;
  readonly kind: string;
  readonly operation: Operation;
}

const taking: Move = { change: -1, kind: 'taken', operation: 'action' };
const returning: Move = { change: 1, kind: 'returned', operation: 'compensation' };

function moved(
  ids: readonly string[],
  catalogue: number,
  { change, kind, operation }: Move,
): readonly SqlStatement[] {
  const skus = ids.map((id) => {
    const number = 1 + (Number.parseInt(id.slice(-6), 16) % Math.max(1, catalogue - 24));
    return `SKU-${String(number).padStart(5, '0')}`;
  });
  const distinct = [...new Set(skus)].toSorted();
  const text = `update stock set available = available + $2, version = version + 1 where sku = any($1::text[])`;
  return [
    { name: 'counted', text, values: [distinct, change] },
    insert('moved', 'stock_move', {
      operation_id: ['text', operationIds(ids, 'reserve-inventory', operation)],
      transaction_id: ['text', ids],
      sku: ['text', skus],
      kind: ['text', same(ids, kind)],
      quantity: ['bigint', same(ids, 1)],
    }),
  ];
}

/** Four entries an order: the card's money comes in, and the merchant is paid with it, each of them double. */
function booked(ids: readonly string[]): SqlStatement {
  return entered(ids, 'action', [
    { account: 'escrow', kind: 'deposit', amount: -574 },
    { account: 'customer', kind: 'deposit', amount: 574 },
    { account: 'customer', kind: 'charge', amount: -574 },
    { account: 'merchant', kind: 'charge', amount: 574 },
  ]);
}

/** The way back, as double as the way there. */
function refunded(ids: readonly string[]): SqlStatement {
  return entered(ids, 'compensation', [
    { account: 'merchant', kind: 'refund', amount: -574 },
    { account: 'customer', kind: 'refund', amount: 574 },
    { account: 'customer', kind: 'withdrawal', amount: -574 },
    { account: 'escrow', kind: 'withdrawal', amount: 574 },
  ]);
}

interface Entry {
  readonly account: string;
  readonly kind: string;
  readonly amount: number;
}

function entered(ids: readonly string[], operation: Operation, each: readonly Entry[]): SqlStatement {
  const entries = ids.flatMap((id, at) =>
    each.map(({ account, ...entry }) => ({
      ...entry,
      id,
      account: account === 'customer' ? `customer:bench-${at}` : account,
    })),
  );
  return insert('booked', 'ledger_entry', {
    operation_id: ['text', entries.map(({ id }) => `${id}/charge-payment/${operation}`)],
    transaction_id: ['text', entries.map(({ id }) => id)],
    account: ['text', entries.map(({ account }) => account)],
    kind: ['text', entries.map(({ kind }) => kind)],
    currency: ['text', entries.map(() => 'EUR')],
    amount_minor: ['bigint', entries.map(({ amount }) => amount)],
  });
}

function shipped(ids: readonly string[]): readonly SqlStatement[] {
  const branch = same(ids, 'create-shipment');
  return [
    insert('shipped', 'shipment', {
      transaction_id: ['text', ids],
      branch_id: ['text', branch],
      shipment_id: ['text', ids.map((id) => `sh_${id}/create-shipment`)],
      tracking_number: ['text', ids.map((id) => `TR${id}/create-shipment`)],
      status: ['text', same(ids, 'booked')],
    }),
    insert('shipped-move', 'shipment_move', {
      operation_id: ['text', operationIds(ids, 'create-shipment')],
      transaction_id: ['text', ids],
      branch_id: ['text', branch],
      kind: ['text', same(ids, 'created')],
    }),
  ];
}
