/**
 * What every process under measurement serves to the bench besides its real work: a load inside the order service, and
 * a CPU profile of itself. It costs nothing until it is asked.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { OrderService } from '@sagamore/order';
import type { RunningApp } from '@sagamore/platform';
// The order service exports its module alone; the bench waits as its own controller does, through the same objects.
import { OrderReader } from '../../apps/order/src/order.reader.js';
import { OrderWakeups } from '../../apps/order/src/order.wakeups.js';
import { serve } from './ipc.js';
import { Load, type LoadPlan, type OrderBody } from './load.js';
import { mapped } from './cpu-profile.js';

const waitMs = 30_000;

/** What a host says of itself once it is ready. */
export interface HostReady {
  readonly url: string;
}

/** Serves `boot` (called once, first) and the bench's calls; stops what `boot` started on SIGTERM or when the bench is
 *  gone. */
export function host(
  boot: () => Promise<{ running?: RunningApp; url: string; stop: () => Promise<void> }>,
): void {
  let load: Load<OrderBody> | undefined;
  let booted: Awaited<ReturnType<typeof boot>> | undefined;
  const profiler = new Session();
  const end = (): void => {
    setTimeout(() => process.exit(1), 18_000).unref();
    (booted?.stop() ?? Promise.resolve()).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGTERM', end);
  const started = (): Load<OrderBody> => load ?? fail('the load was not started');
  serve(
    {
      async boot(): Promise<HostReady> {
        booted = await boot();
        return { url: booted.url };
      },
      start(plan: LoadPlan) {
        const { app } = booted?.running ?? fail('no order service runs here');
        load = new Load(plan, (body) => body, orderThrough(app));
        load.start();
      },
      mark: () => started().mark(),
      finish: () => started().finish(),
      async profileStart() {
        profiler.connect();
        await profiler.post('Profiler.enable');
        await profiler.post('Profiler.setSamplingInterval', { interval: 1_000 });
        await profiler.post('Profiler.start');
      },
      async profileStop(file: string) {
        const { profile } = await profiler.post('Profiler.stop');
        profiler.disconnect();
        writeFileSync(file, JSON.stringify(mapped(profile)));
      },
    },
    end,
  );
}

/** Places an order and waits for its end as `POST /orders` with `Prefer: wait` does, without HTTP. */
function orderThrough(app: RunningApp['app']): (body: OrderBody, key: string) => Promise<string> {
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

function fail(message: string): never {
  throw new Error(message);
}
