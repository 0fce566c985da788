/**
 * The example's order, to be explored: its own definition and its services' own rules of stock, money and parcels, over
 * tables in memory. Only how rows are kept is another than in production.
 */
import {
  chargePayment,
  confirmOrder,
  createShipment,
  rejectOrder,
  reserveStock,
  type PlaceOrderInput,
} from '@sagamore/contracts';
import { refused, succeeded } from '@sagamore/engine';
import type { HandledCommand, Handler } from '@sagamore/runtime';
import {
  calls,
  callsUndo,
  does,
  exploration,
  undoes,
  type Cast,
  type Look,
  type Tables,
} from '@sagamore/testing/explorer';
import { allocate, changesOf, settle, type StockMove } from '../../apps/inventory/src/inventory.js';
import { placeOrder } from '../../apps/orchestrator/src/transactions/place-order.saga.js';
import { entriesOfCharge, entriesOfRefund, type LedgerEntry } from '../../apps/payment/src/payment.js';
import { paymentOf } from '../../apps/payment/src/payment.participant.js';
import { Provider } from './provider.js';

const sku = 'LAMP-1';
const orderId = 'order-1';

const input: PlaceOrderInput = {
  orderId,
  customerId: 'ada',
  lines: [{ sku, quantity: 2 }],
  total: { amountMinor: 7_800, currency: 'EUR' },
  paymentToken: 'tok_ok',
  shipTo: { name: 'Ada', street: '1 Harbour Road', city: 'Oldport', postcode: '4051', country: 'CH' },
};

export default exploration(placeOrder, { input, cast: castOfPlaceOrder });

/** The services of an order, each with its books, and the two providers outside. */
export function castOfPlaceOrder(): Cast {
  const cards = new Provider();
  const carrier = new Provider();
  return {
    services: {
      inventory: { rows: { stock: { [sku]: 5 } }, handlers: inventory() },
      payment: { handlers: payment(cards) },
      shipping: { handlers: shipping(carrier) },
      order: { rows: { orders: { [orderId]: 'PENDING' } }, handlers: order() },
    },
    books: (look) => ({
      stock: look.rows('inventory', 'stock'),
      money: balances(look),
      captured: cards.standing,
      parcels: { outside: carrier.standing, here: look.rows('shipping', 'shipments') },
      order: look.rows('order', 'orders'),
    }),
    undone: (before) => ({ ...Object(before), order: { [orderId]: 'REJECTED' } }),
    effects: (look) => [
      ...rowsOf<StockMove>(look, 'inventory', 'moves').map(
        ({ kind, operationId }) => `${kind} ${operationId}`,
      ),
      ...rowsOf<LedgerEntry>(look, 'payment', 'entries').map(
        ({ kind, account, operationId }) => `${kind} ${account} ${operationId}`,
      ),
    ],
  };
}

function inventory(): readonly Handler[] {
  return [
    does(reserveStock, async (command, tables) => {
      const level = (await tables.table<number>('stock').lock(sku)) ?? 0;
      const wanted = { ...command, lines: command.payload.lines };
      const { refusals, moves } = allocate(new Map([[sku, level]]), [wanted]);
      await bookStock(tables, moves);
      const [no] = refusals;
      return no === undefined
        ? succeeded({ reservationId: command.operationId })
        : refused(no.code, no.details);
    }),
    undoes(reserveStock, (command, tables) =>
      bookStock(tables, settle([{ ...command, lines: command.payload.input.lines }], 'returned')),
    ),
  ];
}

async function bookStock(tables: Tables, moves: readonly StockMove[]): Promise<void> {
  const stock = tables.table<number>('stock');
  for (const { sku: moved, available } of changesOf(moves))
    await stock.put(moved, ((await stock.lock(moved)) ?? 0) + available);
  await append(tables, 'moves', moves);
}

function payment(cards: Provider): readonly Handler[] {
  return [
    calls(
      chargePayment,
      (_command, { providerKey }) => cards.act(providerKey, { chargeId: providerKey }),
      ({ command }, tables) =>
        append(tables, 'entries', entriesOfCharge(paymentOf(command, command.payload))),
    ),
    callsUndo(
      chargePayment,
      (_command, { providerKey }) => cards.undo(providerKey),
      async ({ command, reply }, tables) => {
        if (reply.empty === true) return;
        const refund = paymentOf(command, command.payload.input);
        // A crash between the network's yes and our books leaves a charge that its refund alone proves (I13).
        const charge = { ...refund, operationId: command.settledOperationId };
        if (!isBooked(tables, command)) await append(tables, 'entries', entriesOfCharge(charge));
        await append(tables, 'entries', entriesOfRefund(refund));
      },
    ),
  ];
}

function isBooked(tables: Tables, { settledOperationId }: HandledCommand): boolean {
  const entries = tables.table<LedgerEntry>('entries').scan();
  return entries.some(([, { operationId }]) => operationId === settledOperationId);
}

function shipping(carrier: Provider): readonly Handler[] {
  return [
    calls(
      createShipment,
      (_command, { providerKey }) =>
        carrier.act(providerKey, { shipmentId: providerKey, trackingNumber: providerKey }),
      ({ command: { operationId } }, tables) => tables.table('shipments').insert(operationId, 'created'),
    ),
    callsUndo(
      createShipment,
      (_command, { providerKey }) => carrier.undo(providerKey),
      ({ command: { settledOperationId } }, tables) => tables.table('shipments').delete(settledOperationId),
    ),
  ];
}

function order(): readonly Handler[] {
  const settleAs = (status: string) => async (_command: unknown, tables: Tables) => {
    await tables.table<string>('orders').put(orderId, status);
    return succeeded({});
  };
  return [does(confirmOrder, settleAs('CONFIRMED')), does(rejectOrder, settleAs('REJECTED'))];
}

/** Under numbers of their own, never under their operations: a second effect must be seen, not stopped. */
async function append(tables: Tables, table: string, rows: readonly unknown[]): Promise<void> {
  for (const row of rows) await tables.table(table).insert(String(tables.next(table)), row);
}

function balances(look: Look): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { account, amountMinor } of rowsOf<LedgerEntry>(look, 'payment', 'entries'))
    sums[account] = (sums[account] ?? 0) + amountMinor;
  return Object.fromEntries(Object.entries(sums).filter(([, sum]) => sum !== 0));
}

function rowsOf<Row>(look: Look, service: string, table: string): readonly Row[] {
  return Object.values(look.rows<Row>(service, table));
}
