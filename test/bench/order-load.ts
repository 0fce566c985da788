/**
 * The load inside the order process: orders are placed and waited for as `POST /orders` with `Prefer: wait` does, without
 * HTTP. Of the order service it uses what its own controller uses, and nothing more.
 */
import { OrderService } from '@sagamore/order';
import type { RunningApp } from '@sagamore/platform';
// The order service exports its module alone; the bench waits as its own controller does, through the same objects.
import { OrderReader } from '../../apps/order/src/order.reader.js';
import { OrderWakeups } from '../../apps/order/src/order.wakeups.js';
import type { Booted } from './host.js';
import { Load, orderVariants, type LoadPlan, type OrderBody } from './load.js';

const waitMs = 30_000;

/** A started house, or a part of it; the order service may run elsewhere. */
export interface BootedApp extends Booted {
  readonly running?: RunningApp;
}

/** Throws when no order service runs in this process. */
export function orderLoad({ running }: BootedApp, plan: LoadPlan): Load<OrderBody> {
  if (running === undefined) throw new Error('no order service runs here');
  return new Load(
    plan,
    orderVariants(plan, (body) => body),
    placing(running.app),
  );
}

function placing(app: RunningApp['app']): (body: OrderBody, key: string) => Promise<string> {
  const service = app.get(OrderService, { strict: false });
  const wakeups = app.get(OrderWakeups, { strict: false });
  const reader = app.get(OrderReader, { strict: false });
  return async (body, key) => {
    const placed = await service.place({ protocol: 'saga', ...body }, key);
    if (placed.outcome !== 'accepted') return placed.outcome;
    await wakeups.wait(placed.orderId, waitMs);
    return (await reader.find(placed.orderId))?.status ?? 'gone';
  };
}
