/**
 * Goal: each tick starts what it must, once, whoever looks and whenever they crash.
 * Method: two processes with coordinator and scheduler over one store and bus in memory, a clock moved by hand.
 */
import { saga, sagaProtocol } from '@sagamore/engine';
import { MemoryHistory, MemoryJournal, MemoryOutbox, MemorySchedules } from '@sagamore/memory';
import { seededRandom } from '@sagamore/primitives';
import { RuntimeRig, trusted } from '../../../test/support/runtime.js';
import { Coordinator } from './coordinator.js';
import type { DeclaredProtocol } from './declared-protocol.js';
import { Definitions } from './definitions.js';
import { Door } from './door.js';
import { inboxTopic } from './message.js';
import { OutboxRelay } from './outbox-relay.js';
import { Scheduler, type Schedule } from './scheduler.js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const hour = 3_600_000;

/** Takes an hour and a half. */
const long = saga<unknown>('report', { version: 1 })
  .wait('work', 1.5 * hour)
  .define();
const report: DeclaredProtocol = Object.assign(sagaProtocol(long), {
  schemas: { input: trusted<unknown>() },
});

const hourly: Schedule = {
  name: 'hourly',
  timetable: { next: (ms) => (Math.floor(ms / hour) + 1) * hour },
  timetableName: 'every hour',
  definition: 'report',
  input: (tick) => ({ tick }),
  missed: 'once',
  overlap: 'forbid',
};

let rig: RuntimeRig;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  rig = new RuntimeRig();
  await rig.process().bus.ensureTopics([{ topic: inboxTopic, partitions: 2 }]);
});

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** One process. It says that it holds every shard, as two may do for a moment. */
async function run(owner: string, given: Partial<Schedule> = {}) {
  const { database, bus, clock } = rig.process();
  const outbox = new MemoryOutbox(database);
  const journal = new MemoryJournal(database, outbox);
  const relay = new OutboxRelay(outbox, bus, clock, { owner });
  const definitions = new Definitions([report]);
  const ports = { journal, relay, bus, clock, random: seededRandom(1) };
  const coordinator = new Coordinator(ports, { owner, definitions, shardCount: 2 });
  const faults: unknown[] = [];
  const scheduler = new Scheduler(
    {
      schedules: new MemorySchedules(database),
      door: new Door({ journal, definitions, relay }, { owner, shards: 2 }),
      journal,
      history: new MemoryHistory(database),
      clock,
    },
    {
      schedules: [{ ...hourly, ...given }],
      shardCount: 2,
      held: () => [0, 1],
      onFault: (error) => void faults.push(error),
    },
  );
  await coordinator.start();
  scheduler.start();
  const stop = async () => {
    await scheduler.stop();
    await coordinator.stop();
  };
  stops.push(stop);
  const die = () => {
    stops.splice(stops.indexOf(stop), 1);
    database.crash();
    bus.crash();
  };
  return { scheduler, faults, die };
}

/** The hours whose ticks have begun a transaction. */
function hours(): readonly number[] {
  const rows = rig.store.committed<{ input: { tick: number } }>('transaction');
  return rows.map(([, { input }]) => input.tick / hour).toSorted((one, other) => one - other);
}

/** Time passes while nobody does anything, then a few seconds in which they do. */
async function leap(ms: number): Promise<void> {
  rig.clock.advance(Math.max(0, ms - 3_000));
  await rig.clock.advanceAsync(3_000);
}

describe('S103: a schedule', () => {
  test('starts a run at each tick, once, though two look after it', async () => {
    await run('a', { overlap: 'allow' });
    await run('b', { overlap: 'allow' });
    await leap(5_000);
    for (let hoursPassed = 0; hoursPassed < 3; hoursPassed++) await leap(hour);
    expect(hours()).toEqual([1, 2, 3]);
  });

  test('with overlap forbidden starts no second run while one is at work, and goes on after it', async () => {
    await run('a');
    await leap(5_000);
    for (let halves = 0; halves < 10; halves++) await leap(hour / 2);
    expect(hours()).toEqual([1, 3, 5]);
  });

  test.each([
    ['skip', [1, 5]],
    ['once', [1, 2, 5]],
    ['all', [1, 2, 3, 4, 5]],
  ] as const)('that missed three ticks follows its policy: %s', async (missed, begun) => {
    const first = await run('a', { missed, overlap: 'allow' });
    await leap(5_000);
    await leap(hour);
    first.die();
    rig.clock.advance(3.5 * hour);
    await run('b', { missed, overlap: 'allow' });
    await leap(5_000);
    await leap(hour / 2);
    expect(hours()).toEqual(begun);
  });

  test('whose owner dies between the start and the note of it starts nothing twice', async () => {
    const first = await run('a', { overlap: 'allow' });
    await leap(5_000);
    const { scheduler } = first;
    const ports = (scheduler as unknown as { ports: { schedules: MemorySchedules } }).ports;
    ports.schedules.move = () => new Promise(() => undefined);
    await leap(hour);
    expect(hours()).toEqual([1]);
    first.die();
    const second = await run('b', { overlap: 'allow' });
    await leap(10_000);
    expect(hours()).toEqual([1]);
    expect(await second.scheduler.list()).toMatchObject([
      { name: 'hourly', row: { nextAt: 2 * hour, lastTickAt: hour } },
    ]);
  });

  test('that names no definition tells it, and goes on with its next tick', async () => {
    const { faults, scheduler } = await run('a', { definition: 'unknown' });
    await leap(5_000);
    await leap(hour);
    expect(faults).toMatchObject([{ code: 'CONFIGURATION_INVALID' }]);
    expect(await scheduler.list()).toMatchObject([{ row: { nextAt: 2 * hour } }]);
  });
});
