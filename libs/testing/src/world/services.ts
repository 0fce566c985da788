/**
 * The four services of a simulated world, as handlers over memory. Every effect leaves a row with its operation id in
 * an append-only log, written with the effect, so that an audit needs nothing else (I12 to I14).
 */
import { refused, succeeded, type Half, type Operation, type Reply, type Undo } from '@sagamore/engine';
import { memoryTx, type TableView } from '@sagamore/memory';
import { type DeclaredOperation, type HandledCommand, type Handler, type Tx } from '@sagamore/runtime';
import type { Host } from './host.js';
import {
  bookParcel,
  chargeCard,
  confirmOrder,
  rejectOrder,
  takeStock,
  type SimOrder,
} from './place-order.js';
import type { Provider } from './provider.js';

/** The services whose effects are logged. */
export const effectServices = ['stock', 'payment', 'parcel', 'orders'] as const;

/** One effect, in the log of its service. */
export interface EffectRow {
  readonly operationId: string;
  readonly transactionId: string;
  readonly branchId: string;
  readonly half: Half;
  readonly units: number;
}

export interface OrderRow extends SimOrder {
  readonly transactionId: string;
  readonly status: 'PENDING' | 'CONFIRMED' | 'REJECTED';
  readonly placedAt: number;
}

export interface Outside {
  readonly cards: Provider;
  readonly carrier: Provider;
}

/** The handlers of one service in one process. */
export function handlersOf(service: string, host: Host, { cards, carrier }: Outside): readonly Handler[] {
  switch (service) {
    case 'stock':
      return [
        local(takeStock, 'action', (command, tx) => take(command, host, tx)),
        local(takeStock, 'compensation', (command, tx) => giveBack(command, tx)),
      ];
    case 'payment':
      return external(chargeCard, { host, provider: cards, refusalOf: refusalOfCard });
    case 'parcel':
      return external(bookParcel, { host, provider: carrier, refusalOf: refusalOfParcel });
    case 'orders':
      return [
        local(confirmOrder, 'action', (command, tx) => settleOrder(command, 'CONFIRMED', tx)),
        local(rejectOrder, 'action', (command, tx) => settleOrder(command, 'REJECTED', tx)),
      ];
    default:
      throw new TypeError(`no service is named ${service}`);
  }
}

export function stockTable(tx: Tx): TableView<number> {
  return memoryTx(tx).table<number>('stock');
}

export function ordersTable(tx: Tx): TableView<OrderRow> {
  return memoryTx(tx).table<OrderRow>('orders');
}

type Work = (command: HandledCommand, tx: Tx) => Promise<Reply>;

function local(declared: Operation, half: Half, work: Work): Handler {
  return {
    effect: 'local',
    operation: declared as DeclaredOperation<unknown, unknown>,
    half,
    async handle(commands, tx) {
      const replies: Reply[] = [];
      for (const command of commands) replies.push(await work(command, tx));
      return replies;
    },
  };
}

async function take(command: HandledCommand, host: Host, tx: Tx): Promise<Reply> {
  const { sku, quantity, stockBreaks } = command.payload as SimOrder;
  if (stockBreaks) {
    host.base.faults.note('broken handler', `${host.name} throws over ${command.transactionId}`);
    throw new TypeError('this order breaks whoever looks at it');
  }
  const available = (await stockTable(tx).lock(sku)) ?? 0;
  if (available < quantity) return refused('out-of-stock');
  await stockTable(tx).put(sku, available - quantity);
  await log(command, { half: 'action', units: quantity }, tx);
  return succeeded({});
}

async function giveBack(command: HandledCommand, tx: Tx): Promise<Reply> {
  const { sku, quantity } = (command.payload as Undo<SimOrder>).input;
  await stockTable(tx).put(sku, ((await stockTable(tx).lock(sku)) ?? 0) + quantity);
  await log(command, { half: 'compensation', units: quantity }, tx);
  return succeeded({});
}

async function settleOrder(
  command: HandledCommand,
  status: 'CONFIRMED' | 'REJECTED',
  tx: Tx,
): Promise<Reply> {
  const { orderId } = command.payload as { readonly orderId: string };
  const row = await ordersTable(tx).lock(orderId);
  if (row === undefined) throw new TypeError(`order ${orderId} was never placed`);
  await ordersTable(tx).put(orderId, { ...row, status });
  await log(command, { half: 'action', units: 1 }, tx);
  return succeeded({});
}

interface ExternalOptions {
  readonly host: Host;
  readonly provider: Provider;
  readonly refusalOf: (order: SimOrder) => string | undefined;
}

function external(declared: Operation, { host, provider, refusalOf }: ExternalOptions): readonly Handler[] {
  const shape = { effect: 'external' as const, operation: declared as DeclaredOperation<unknown, unknown> };
  return [
    {
      ...shape,
      half: 'action',
      call: ({ payload }, { providerKey: key }) => {
        const order = payload as SimOrder;
        return provider.act(host, { key, units: order.units, refusal: refusalOf(order) });
      },
      async record(settled, tx) {
        for (const { command } of settled) {
          await log(command, { half: 'action', units: (command.payload as SimOrder).units }, tx);
        }
      },
    },
    {
      ...shape,
      half: 'compensation',
      call: ({ payload }, { providerKey: key }) => {
        const { refundStuck } = (payload as Undo<SimOrder>).input;
        return provider.undo(host, { key, isStuck: refundStuck });
      },
      async record(settled, tx) {
        for (const { command, reply } of settled) {
          if (reply.empty === true) continue;
          const { units } = (command.payload as Undo<SimOrder>).input;
          await logMissing(command, units, tx);
          await log(command, { half: 'compensation', units }, tx);
        }
      },
    },
  ];
}

function refusalOfCard({ cardDeclined }: SimOrder): string | undefined {
  return cardDeclined ? 'card-declined' : undefined;
}

function refusalOfParcel({ parcelRefused }: SimOrder): string | undefined {
  return parcelRefused ? 'country-not-served' : undefined;
}

/** What was undone outside had been done there: an action that was never booked here is booked before its undo (I13). */
async function logMissing(command: HandledCommand, units: number, tx: Tx): Promise<void> {
  const operationId = command.settledOperationId;
  const rows = memoryTx(tx).table<EffectRow>('effects').scan();
  if (rows.some(([, row]) => row.operationId === operationId)) return;
  await log({ ...command, operationId }, { half: 'action', units }, tx);
}

/** Under a number of its own, never under the operation id: a second effect must be seen, not stopped. */
async function log(
  { operationId, transactionId, branchId }: HandledCommand,
  { half, units }: Pick<EffectRow, 'half' | 'units'>,
  tx: Tx,
): Promise<void> {
  const own = memoryTx(tx);
  const row: EffectRow = { operationId, transactionId, branchId, half, units };
  await own.table<EffectRow>('effects').insert(String(own.next('effects')), row);
}
