/**
 * The story that `npm start` tells: one order completes, one is declined and undone, one is parked with its reason and
 * rescued. It is a client like any other: everything it shows was asked for over REST.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { colours, line, step } from './terminal.js';

export interface StoryPlace {
  readonly orderUrl: string;
  readonly orchestratorUrl: string;
  readonly simulatorsUrl: string;
}

interface Order {
  readonly orderId: string;
  readonly transactionId: string;
  readonly status: string;
  readonly reason: { readonly code: string } | null;
  readonly total: { readonly amountMinor: number; readonly currency: string };
}

interface Transaction {
  readonly status: string;
  readonly reason: { readonly kind: string; readonly step?: string; readonly code?: string } | null;
  readonly steps: readonly {
    readonly name: string;
    readonly operation: string;
    readonly outcome: string;
    readonly attempts: number;
  }[];
}

interface Wish {
  readonly paymentToken: string;
  readonly country: string;
}

/** How long one act may take before the story says so and goes on, ms. */
const patienceMs = 60_000;

export async function tellStory(place: StoryPlace): Promise<void> {
  const sku = await firstProduct(place);
  line();
  line(colours.bold('Three orders, three fates'));
  line();
  await completes(place, sku);
  await isDeclined(place, sku);
  await isParkedAndRescued(place, sku);
}

async function completes(place: StoryPlace, sku: string): Promise<void> {
  title('1', 'An order that everybody says yes to');
  const order = await placeOrder(place, sku, { paymentToken: 'tok_ok', country: 'CH' });
  await show(place, await settled(place, order, ['CONFIRMED', 'REJECTED']));
}

async function isDeclined(place: StoryPlace, sku: string): Promise<void> {
  title('2', 'A declined card: what was done before it is undone, in reverse');
  const order = await placeOrder(place, sku, { paymentToken: 'tok_declined', country: 'CH' });
  await show(place, await settled(place, order, ['CONFIRMED', 'REJECTED']));
}

async function isParkedAndRescued(place: StoryPlace, sku: string): Promise<void> {
  title('3', 'No carrier serves the country, and the refund is declined too: the order waits for a person');
  const order = await placeOrder(place, sku, { paymentToken: 'tok_refund_fails', country: 'AQ' });
  await step('a no to an undo is nothing that patience helps: the platform parks the order', () =>
    parked(place, order),
  );
  await show(place, order);
  await ask(`${place.simulatorsUrl}/card-network/admin/heal`, { method: 'POST', body: {} });
  line(`   ${colours.dim('the card network works again; an operator resumes the transaction')}`);
  await ask(`${place.orchestratorUrl}/transactions/${order.transactionId}/resume`, {
    method: 'POST',
    body: { reason: 'the card network works again' },
  });
  await show(place, await settled(place, order, ['REJECTED']));
}

function title(number: string, text: string): void {
  line(` ${colours.cyan(number)} ${colours.bold(text)}`);
}

async function firstProduct({ orderUrl }: StoryPlace): Promise<string> {
  const { items } = await ask<{ items: { sku: string; available: number }[] }>(`${orderUrl}/products`);
  const product = items.find(({ available }) => available > 10) ?? items[0];
  if (product === undefined) throw new Error('the catalogue is empty');
  return product.sku;
}

async function placeOrder(
  { orderUrl }: StoryPlace,
  sku: string,
  { paymentToken, country }: Wish,
): Promise<Order> {
  const body = {
    customerId: 'ada',
    currency: 'EUR',
    lines: [{ sku, quantity: 2 }],
    paymentToken,
    shipTo: { name: 'Ada Lovelace', street: '1 Harbour Road', city: 'Oldport', postcode: '4051', country },
  };
  return ask(`${orderUrl}/orders`, { method: 'POST', body, headers: { 'idempotency-key': randomUUID() } });
}

const finals = new Set(['completed', 'compensated']);

/** The order once its status is one of `statuses` and its transaction has ended. */
async function settled(place: StoryPlace, { orderId }: Order, statuses: readonly string[]): Promise<Order> {
  return until(`order ${orderId} to be ${statuses.join(' or ')}`, async () => {
    const order = await ask<Order>(`${place.orderUrl}/orders/${orderId}`);
    const transaction = await inspect(place, order);
    const isOver = statuses.includes(order.status) && finals.has(transaction?.status ?? '');
    return isOver ? order : undefined;
  });
}

async function parked(place: StoryPlace, order: Order): Promise<void> {
  await until(`transaction ${order.transactionId} to be parked`, async () => {
    const found = await inspect(place, order);
    return found?.status === 'parked' ? true : undefined;
  });
}

/** Polls on; bounded by `patienceMs`. */
async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + patienceMs;
  while (performance.now() < deadline) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(50);
  }
  throw new Error(`waited ${patienceMs / 1_000} s for ${what}`);
}

/** Undefined for a moment after the order was placed: the start is on its way to the orchestrator. */
async function inspect(
  { orchestratorUrl }: StoryPlace,
  { transactionId }: Order,
): Promise<Transaction | undefined> {
  const response = await fetch(`${orchestratorUrl}/transactions/${transactionId}`);
  return response.ok ? ((await response.json()) as Transaction) : undefined;
}

/** The timeline of an order, a step a line, and where the order stands. */
async function show(place: StoryPlace, order: Order): Promise<void> {
  const found = await inspect(place, order);
  if (found === undefined) throw new Error(`transaction ${order.transactionId} cannot be read`);
  const { status, reason, steps } = found;
  for (const { name, operation, outcome, attempts } of steps) {
    const undo = operation === 'compensation';
    const tries = attempts > 1 ? colours.dim(` after ${attempts} attempts`) : '';
    line(`   ${mark(outcome, undo)} ${undo ? `undo ${name}` : name} ${colours.dim(outcome)}${tries}`);
  }
  const why =
    reason === null ? '' : ` — ${[reason.code ?? reason.kind, reason.step].filter(Boolean).join(' at ')}`;
  line(
    `   ${colours.bold(`transaction ${status}${why}`)}${order.status === 'PENDING' ? '' : `, order ${order.status}`}`,
  );
  line();
}

function mark(outcome: string, undo: boolean): string {
  if (outcome === 'succeeded' || outcome === 'empty') return undo ? colours.yellow('↩') : colours.green('✔');
  if (outcome === 'pending') return colours.cyan('…');
  return colours.red('✘');
}

interface Question {
  readonly method?: 'GET' | 'POST';
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

async function ask<T>(url: string, { method = 'GET', body, headers }: Question = {}): Promise<T> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${new URL(url).pathname} answered ${response.status}`);
  return (await response.json()) as T;
}
