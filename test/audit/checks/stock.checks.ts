/**
 * Stock: what inventory's rows must say among themselves, and against the orders that were confirmed.
 */
import { violationsMax, rowsCheck, type Check, type Violation } from '../check.js';
import type { AuditedStack } from '../stack.js';

interface Sold {
  readonly sku: string;
  readonly confirmed: number;
  readonly pending: number;
}

interface Held {
  readonly sku: string;
  readonly received: number;
  readonly available: number;
  readonly reserved: number;
}

const soldBySku = `select line.sku,
    coalesce(sum(line.quantity) filter (where status = 'CONFIRMED'), 0)::float8 as confirmed,
    coalesce(sum(line.quantity) filter (where status = 'PENDING'), 0)::float8 as pending
  from orders, jsonb_to_recordset(lines) as line (sku text, quantity bigint)
  where status in ('CONFIRMED', 'PENDING') group by line.sku`;

const heldBySku = `select sku, available::float8 as available, reserved::float8 as reserved,
    coalesce((select sum(quantity) from stock_move move where move.sku = stock.sku and kind = 'received'), 0)::float8
      as received
  from stock`;

/** Every SKU with what inventory holds and what order sold; a catalogue fits into memory, orders would not. */
async function stockAndSales({ databases }: AuditedStack): Promise<readonly (Held & Sold)[]> {
  const held = await databases.inventory.query<Held>(heldBySku);
  const sold = await databases.order.query<Sold>(soldBySku);
  const skus = new Set([...held, ...sold].map(({ sku }) => sku));
  const heldOf = new Map(held.map((row) => [row.sku, row]));
  const soldOf = new Map(sold.map((row) => [row.sku, row]));
  return [...skus].sort().map((sku) => ({
    ...(heldOf.get(sku) ?? { received: 0, available: 0, reserved: 0 }),
    ...(soldOf.get(sku) ?? { confirmed: 0, pending: 0 }),
    sku,
  }));
}

function salesCheck(about: Pick<Check, 'id' | 'title'>, isBroken: (row: Held & Sold) => boolean): Check {
  return {
    ...about,
    run: async (stack) => {
      const broken = (await stockAndSales(stack)).filter(isBroken);
      return broken.slice(0, violationsMax).map((row): Violation => ({ ...row }));
    },
  };
}

/** What an order that is not final has taken lies between nothing and all of it; I07 looks at each. */
export const stockChecks: readonly Check[] = [
  salesCheck(
    {
      id: 'I01',
      title: 'of each SKU, what was received is what is available, reserved or in confirmed orders',
    },
    ({ received, available, reserved, confirmed, pending }) => {
      const gone = received - available - reserved;
      return gone < confirmed || gone > confirmed + pending;
    },
  ),
  rowsCheck({
    id: 'I02',
    always: true,
    title: 'every stock balance is the sum of its own moves',
    questions: [
      {
        service: 'inventory',
        sql: `select coalesce(stock.sku, moved.sku) as sku, available as balance, moved.net as moves,
            reserved, moved.held
          from stock full join (
            select sku,
              sum(case when kind in ('taken', 'held') then -quantity when kind = 'deducted' then 0 else quantity end) as net,
              sum(case when kind = 'held' then quantity when kind in ('deducted', 'released') then -quantity else 0 end) as held
            from stock_move group by sku
          ) as moved on moved.sku = stock.sku
          where stock.sku is null or available <> coalesce(moved.net, 0) or reserved <> coalesce(moved.held, 0)
          order by 1`,
      },
    ],
  }),
  rowsCheck({
    id: 'I03',
    always: true,
    title: 'no stock is negative, and every move is of a whole number above zero',
    questions: [
      {
        service: 'inventory',
        sql: `select sku, available, reserved from stock where available < 0 or reserved < 0 order by 1`,
      },
      {
        service: 'inventory',
        sql: `select operation_id, sku, quantity from stock_move where quantity <= 0 or quantity <> trunc(quantity::numeric)`,
      },
    ],
  }),
  salesCheck(
    { id: 'I34', title: 'no more of a SKU is in confirmed orders than there ever was' },
    ({ confirmed, received }) => confirmed > received,
  ),
];
