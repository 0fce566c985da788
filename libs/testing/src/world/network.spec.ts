/**
 * Goal: a consumer that was paused is paused also when its simulated process was taken for dead, or cut off, and joins again.
 * Method: one host in a calm world, the clock moved by hand.
 */
import { expect, test } from '@jest/globals';
import { ManualClock, MemoryBroker } from '@sagamore/memory';
import { seededRandom } from '@sagamore/primitives';
import type { Message } from '@sagamore/runtime';
import { calm } from './fault-plan.js';
import { Faults } from './faults.js';
import { Host, type WorldBase } from './host.js';
import { HostBus, Network } from './network.js';

const topic = 'stock.commands';
const message = (id: string): Message => {
  return { id, key: id, topic, type: 'stock.take', source: 'test', occurredAt: 1, data: null };
};

function stage() {
  const clock = new ManualClock();
  const faults = new Faults(calm, seededRandom(1), () => clock.now());
  const base: WorldBase = { clock, faults, touch: () => undefined, note: () => undefined };
  const host = new Host('stock-1', base, () => undefined);
  const bus = new HostBus(host, new Network(base, new MemoryBroker()));
  return { clock, host, bus };
}

test.each([
  ['stood still', (host: Host) => host.pause(), (host: Host) => host.resume()],
  ['was cut off', (host: Host) => host.cut('broker'), (host: Host) => host.mend('broker')],
])('a paused consumer of a process that %s is paused when it comes back', async (_what, leave, comeBack) => {
  const { clock, host, bus } = stage();
  const got: string[] = [];
  const active = await bus.subscribe({
    topic,
    group: 'stock',
    handle: async (batch) => void got.push(...batch.map(({ message: { id } }) => id)),
  });
  await bus.send([message('a')]);
  await clock.advanceAsync(100);
  await active.pause();
  await bus.send([message('b')]);
  leave(host);
  await clock.advanceAsync(100);
  comeBack(host);
  await clock.advanceAsync(100);
  expect([got, active.isPaused()]).toEqual([['a'], true]);
  active.resume();
  await clock.advanceAsync(100);
  expect([got, active.isPaused()]).toEqual([['a', 'b'], false]);
});
