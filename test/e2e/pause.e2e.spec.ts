/**
 * Goal: an operator pauses a topic of the running stack, kill -9 does not unpause it, and resumed it loses nothing.
 * Method: the real process of `npm start`, asked by REST alone; one order that needs what is paused.
 */
import { afterAll, afterEach, expect, jest, test } from '@jest/globals';
import { setTimeout as turn } from 'node:timers/promises';
import { z } from 'zod';
import { stackProcess } from './stack.process.js';

jest.setTimeout(300_000);
const stack = stackProcess('apps/local/src/main.ts', ['--no-story', '--port', '0']);
const consumers = z.object({
  items: z.array(
    z.object({
      service: z.string(),
      topic: z.string(),
      group: z.string(),
      status: z.string(),
      lag: z.number(),
    }),
  ),
});
const products = z.object({ items: z.array(z.object({ sku: z.string() })).min(1) });
const order = z.object({ orderId: z.string(), status: z.string() });
let passed = false;

afterEach(() => {
  if (!passed) process.stdout.write(`the stack's last words:\n${stack.tail()}\n`);
});
afterAll(() => stack.dispose(), 60_000);

async function ask(path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${stack.place.orderUrl()}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'a-lamp' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

async function inventory() {
  const { items } = consumers.parse(await ask('/consumers'));
  return items.find(({ topic, group }) => topic === 'inventory.commands' && group === 'inventory');
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited a minute until ${what}`);
    await turn(50);
  }
}

test('inventory is paused, killed and started again: the order waits, and is confirmed once it is resumed', async () => {
  await stack.start();
  const { items } = consumers.parse(await ask('/consumers'));
  expect([...new Set(items.map(({ service }) => service))]).toEqual([
    'inventory',
    'orchestrator',
    'order',
    'payment',
    'shipping',
  ]);
  const paused = await ask('/consumers/inventory.commands/inventory/pause', { reason: 'stocktaking' });
  expect(paused).toMatchObject({ service: 'inventory', status: 'paused', reason: 'stocktaking' });

  const [product] = products.parse(await ask('/products?currency=EUR')).items;
  const { orderId } = order.parse(
    await ask('/orders', {
      customerId: 'ada',
      currency: 'EUR',
      lines: [{ sku: product?.sku, quantity: 1 }],
      paymentToken: 'tok_ok',
      shipTo: { name: 'Ada', street: '1 Harbour Road', city: 'Oldport', postcode: '4051', country: 'CH' },
    }),
  );
  const statusOf = async () => order.parse(await ask(`/orders/${orderId}`)).status;
  await until('its command waits', async () => (await inventory())?.lag === 1);

  await stack.killAll();
  await stack.start();
  await until('its command waits again', async () => ((await inventory())?.lag ?? 0) > 0);
  expect([(await inventory())?.status, await statusOf()]).toEqual(['paused', 'PENDING']);

  await ask('/consumers/inventory.commands/inventory/resume', { reason: 'all is counted' });
  await until('the order is confirmed', async () => (await statusOf()) === 'CONFIRMED');
  passed = true;
});
