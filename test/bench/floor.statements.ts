/**
 * The statements of the floor: what a completed order writes, commit by commit, in the order of its road. The shapes
 * follow the tables of the services; where a migration changes one, this file changes with it. Pure.
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

const shipTo = JSON.stringify({
  name: 'Ada Lovelace',
  street: '1 Harbour Road',
  city: 'Oldport',
  postcode: '4051',
  country: 'CH',
});
/** As long as the inputs, messages and events of the real road are on average. */
const input = JSON.stringify({ input: 'x'.repeat(330) });
const startMessage = JSON.stringify({ message: 'x'.repeat(640) });
const factMessage = JSON.stringify({ message: 'x'.repeat(360) });
const command = JSON.stringify({ command: 'x'.repeat(600) });
const reply = JSON.stringify({ reply: 'x'.repeat(110) });
const event = JSON.stringify({ event: 'x'.repeat(210) });
const lines = JSON.stringify([{ sku: 'SKU-00001', quantity: 1, unitPriceMinor: 574 }]);

/** Every commit that one batch of orders makes, first to last. Rows are taken in order, so batches never lock each
 *  other in a circle. */
export function stepsOf(ids: readonly string[], catalogue: number): readonly FloorStep[] {
  return [
    { service: 'order', statements: [placed(ids), appended(ids, startMessage)] },
    { service: 'order', statements: [published(ids)] },
    { service: 'orchestrator', statements: [begun(ids)] },
    { service: 'inventory', statements: [...reserved(ids, catalogue), answered(ids, 'reserve-inventory')] },
    { service: 'orchestrator', statements: [journalled(ids, 1)] },
    ...external('payment', ids, 'charge-payment', [booked(ids)]),
    { service: 'orchestrator', statements: [journalled(ids, 2)] },
    ...external('shipping', ids, 'create-shipment', shipped(ids)),
    { service: 'orchestrator', statements: [journalled(ids, 3)] },
    {
      service: 'order',
      statements: [confirmed(ids), appended(ids, factMessage), answered(ids, 'confirm-order')],
    },
    { service: 'order', statements: [published(ids)] },
    { service: 'orchestrator', statements: [journalled(ids, 4), completed(ids), appended(ids, factMessage)] },
    { service: 'orchestrator', statements: [published(ids)] },
  ];
}

function external(
  service: string,
  ids: readonly string[],
  branch: string,
  effects: readonly SqlStatement[],
): readonly FloorStep[] {
  return [
    { service, statements: [seated(ids, branch), promised(ids, branch)] },
    {
      service,
      statements: [removed('intent', ids), removed('barrier', ids), ...effects, answered(ids, branch)],
    },
  ];
}

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
const operation = (ids: readonly string[], branch: string): readonly string[] =>
  ids.map((id) => `${id}/${branch}/action`);

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

function completed(ids: readonly string[]): SqlStatement {
  const text = `update transaction set status = 'completed', phase = 'final', updated_at = clock_timestamp()
    where transaction_id = any($1::uuid[])`;
  return { name: 'completed', text, values: [ids] };
}

function confirmed(ids: readonly string[]): SqlStatement {
  const text = `update orders set status = 'CONFIRMED', start_input = null, version = 2,
    updated_at = clock_timestamp() where order_id = any($1::uuid[])`;
  return { name: 'confirmed', text, values: [ids] };
}

function answered(ids: readonly string[], branch: string): SqlStatement {
  return barrier('answered', ids, branch, { outcome: 'succeeded', reply });
}

/** The place in the barrier that a call to the outside takes before it goes out. */
function seated(ids: readonly string[], branch: string): SqlStatement {
  return barrier('seated', ids, branch, { outcome: 'claimed', reply: null });
}

function barrier(
  name: string,
  ids: readonly string[],
  branch: string,
  { outcome, reply: saved }: { readonly outcome: string; readonly reply: string | null },
): SqlStatement {
  return insert(name, 'barrier', {
    transaction_id: ['uuid', ids],
    branch_id: ['text', same(ids, branch)],
    operation: ['text', same(ids, 'action')],
    generation: ['integer', same(ids, 1)],
    outcome: ['text', same(ids, outcome)],
    reply: ['json', same(ids, saved)],
  });
}

function promised(ids: readonly string[], branch: string): SqlStatement {
  return insert('promised', 'intent', {
    transaction_id: ['uuid', ids],
    branch_id: ['text', same(ids, branch)],
    operation: ['text', same(ids, 'action')],
    generation: ['integer', same(ids, 1)],
    owner: ['text', same(ids, 'floor')],
    claimed_until: ['timestamptz', same(ids, new Date().toISOString())],
    command: ['json', same(ids, command)],
  });
}

function removed(table: 'intent' | 'barrier', ids: readonly string[]): SqlStatement {
  const text = `delete from ${table} where transaction_id = any($1::uuid[])`;
  return { name: `removed-${table}`, text, values: [ids] };
}

function reserved(ids: readonly string[], catalogue: number): readonly SqlStatement[] {
  const skus = ids.map((id) => {
    const number = 1 + (Number.parseInt(id.slice(-6), 16) % Math.max(1, catalogue - 24));
    return `SKU-${String(number).padStart(5, '0')}`;
  });
  const distinct = [...new Set(skus)].toSorted();
  const text = `update stock set available = available - 1, version = version + 1 where sku = any($1::text[])`;
  return [
    { name: 'reserved', text, values: [distinct] },
    insert('moved', 'stock_move', {
      operation_id: ['text', operation(ids, 'reserve-inventory')],
      transaction_id: ['text', ids],
      sku: ['text', skus],
      kind: ['text', same(ids, 'taken')],
      quantity: ['bigint', same(ids, 1)],
    }),
  ];
}

/** Four entries an order: the card's money comes in, and the merchant is paid with it, each of them double. */
function booked(ids: readonly string[]): SqlStatement {
  const entries = ids.flatMap((id, at) => [
    { id, account: 'escrow', kind: 'deposit', amount: -574 },
    { id, account: `customer:bench-${at}`, kind: 'deposit', amount: 574 },
    { id, account: `customer:bench-${at}`, kind: 'charge', amount: -574 },
    { id, account: 'merchant', kind: 'charge', amount: 574 },
  ]);
  return insert('booked', 'ledger_entry', {
    operation_id: ['text', entries.map(({ id }) => `${id}/charge-payment/action`)],
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
      operation_id: ['text', operation(ids, 'create-shipment')],
      transaction_id: ['text', ids],
      branch_id: ['text', branch],
      kind: ['text', same(ids, 'created')],
    }),
  ];
}
