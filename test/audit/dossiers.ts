/**
 * Puts together what every database and every provider says of one transaction, for one transaction after the other.
 * All sides are streamed in the order of the transaction's id and joined like a zip, so memory stays flat however many
 * orders there are. It collects; the judges of `checks/` say what is wrong.
 */
import { ofAnOrder } from './halves.js';
import type { AuditedStack } from './stack.js';

/** One answered half of one branch, as a participant's barrier keeps it. */
export interface Branch {
  readonly branch: string;
  readonly operation: string;
  readonly outcome: string;
}

export interface TransactionFacts {
  readonly definition: string;
  readonly status: string;
  readonly phase: string;
  readonly reason: string | null;
  readonly parkedAt: string | null;
}

export interface OrderFacts {
  readonly status: string;
  readonly currency: string;
  readonly totalMinor: number;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
}

/** What was taken or held and not given back, by SKU. */
export type StockFacts = Readonly<Record<string, number>>;

/** What is still held and neither kept nor let go. */
export interface HeldFacts {
  readonly held: number;
}

/** What was charged and not given back, by currency. */
export type MoneyFacts = Readonly<Record<string, number>>;

export interface ParcelFacts {
  readonly live: number;
}

/** All that is known of one transaction; what nobody knows of is absent. */
export interface Dossier {
  readonly id: string;
  readonly transaction?: TransactionFacts;
  readonly order?: OrderFacts;
  readonly stock?: StockFacts;
  readonly stockHeld?: HeldFacts;
  readonly books?: MoneyFacts;
  readonly moneyHeld?: HeldFacts;
  readonly card?: MoneyFacts;
  readonly shipment?: ParcelFacts;
  readonly parcel?: ParcelFacts;
  /** Of each participant: its barrier's rows. */
  readonly orderBranches?: readonly Branch[];
  readonly stockBranches?: readonly Branch[];
  readonly paymentBranches?: readonly Branch[];
  readonly shippingBranches?: readonly Branch[];
}

interface Part {
  readonly id: string;
  readonly facts: unknown;
}

const branches = `select transaction_id::text as id,
    json_agg(json_build_object('branch', branch_id, 'operation', operation, 'outcome', outcome)) as facts
  from barrier group by transaction_id order by transaction_id`;

const transactions = `select transaction_id::text as id, json_build_object('definition', definition, 'status', status,
    'phase', phase, 'reason', reason ->> 'kind', 'parkedAt', reason ->> 'branchId') as facts
  from transaction where ${ofAnOrder} order by transaction_id`;

const orders = `select order_id::text as id, json_build_object('status', status, 'currency', currency,
    'totalMinor', total_minor, 'lines', lines) as facts
  from orders order by order_id`;

const stock = `select id, json_object_agg(sku, net) as facts from (
    select transaction_id collate "C" as id, sku,
      sum(case when kind in ('taken', 'held') then quantity when kind = 'deducted' then 0 else -quantity end) as net
    from stock_move where transaction_id is not null group by 1, 2) as moved
  group by id order by id`;

const stockHeld = `select transaction_id collate "C" as id, json_build_object('held',
    sum(case kind when 'held' then quantity else -quantity end)) as facts
  from stock_move where kind in ('held', 'deducted', 'released') group by 1 order by 1`;

// What the merchant was paid and has not paid back: the captured money of the order (R27).
const books = `select id, json_object_agg(currency, net) as facts from (
    select transaction_id collate "C" as id, currency, sum(amount_minor) as net
    from ledger_entry where account = 'merchant' group by 1, 2) as booked
  group by id order by id`;

const moneyHeld = `select transaction_id collate "C" as id, json_build_object('held', sum(amount_minor)) as facts
  from ledger_entry where account like 'hold:%' group by 1 order by 1`;

const cards = `select id, json_object_agg(currency, net) as facts from (
    select reference collate "C" as id, currency, sum(case kind when 'refund' then -amount_minor else amount_minor end) as net
    from outside_card where kind in ('charge', 'capture', 'refund') group by 1, 2) as taken
  group by id order by id`;

const shipments = `select transaction_id collate "C" as id,
    json_build_object('live', count(*) filter (where status = 'booked')) as facts
  from shipment group by 1 order by 1`;

const parcels = `select made.reference collate "C" as id,
    json_build_object('live', count(*) filter (where ended.parcel_key is null)) as facts
  from (select reference, case kind when 'shipment' then key else parcel_key end as key
        from outside_parcel where kind in ('shipment', 'confirmation')) as made
  left join (select distinct parcel_key from outside_parcel where kind = 'cancellation') as ended
    on ended.parcel_key = made.key
  group by 1 order by 1`;

const sources = {
  transaction: ['orchestrator', transactions],
  order: ['order', orders],
  stock: ['inventory', stock],
  stockHeld: ['inventory', stockHeld],
  books: ['payment', books],
  moneyHeld: ['payment', moneyHeld],
  card: ['payment', cards],
  shipment: ['shipping', shipments],
  parcel: ['shipping', parcels],
  orderBranches: ['order', branches],
  stockBranches: ['inventory', branches],
  paymentBranches: ['payment', branches],
  shippingBranches: ['shipping', branches],
} as const;

/** A dossier of every transaction that anybody knows of, in the order of their ids. */
export async function* dossiers({ databases }: AuditedStack): AsyncGenerator<Dossier, void, undefined> {
  const heads: { readonly name: string; readonly parts: AsyncGenerator<Part>; head: Part | undefined }[] = [];
  for (const [name, [service, sql]] of Object.entries(sources)) {
    const parts = databases[service].stream<Part>(sql);
    heads.push({ name, parts, head: await next(parts) });
  }
  for (;;) {
    const id = smallest(heads.flatMap(({ head }) => (head === undefined ? [] : [head.id])));
    if (id === undefined) return;
    const found: Record<string, unknown> = { id };
    for (const source of heads) {
      if (source.head?.id !== id) continue;
      found[source.name] = source.head.facts;
      source.head = await next(source.parts);
    }
    yield found as unknown as Dossier;
  }
}

async function next(parts: AsyncGenerator<Part>): Promise<Part | undefined> {
  const { value, done } = await parts.next();
  return done === true ? undefined : value;
}

function smallest(ids: readonly string[]): string | undefined {
  let found = ids[0];
  for (const id of ids) if (found !== undefined && id < found) found = id;
  return found;
}
