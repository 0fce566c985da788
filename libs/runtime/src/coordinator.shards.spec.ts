/**
 * Goal: what arrives for a shard that is not held is never acknowledged into the void (R10).
 * Method: a coordinator over the memory journal and a bus of which only the subscription is used; the test is the group.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  ManualClock,
  MemoryBus,
  MemoryDatabase,
  MemoryJournal,
  MemoryOutbox,
  MemoryStore,
} from '@sagamore/memory';
import { seededRandom, uuidv7 } from '@sagamore/primitives';
import { Coordinator } from './coordinator.js';
import { startType } from './inbox.js';
import { Definitions } from './definitions.js';
import { inboxTopic, type Message } from './message.js';
import { OutboxRelay } from './outbox-relay.js';
import type { ActiveSubscription, Delivery, Subscription } from './ports.js';

let clock: ManualClock;
let bus: MemoryBus;
let coordinator: Coordinator;
let joined: Subscription | undefined;

beforeEach(async () => {
  clock = new ManualClock(1_000);
  const database = new MemoryDatabase({ clock, store: new MemoryStore() });
  const outbox = new MemoryOutbox(database);
  bus = new MemoryBus({ clock });
  const subscribe = async (subscription: Subscription): Promise<ActiveSubscription> => {
    joined = subscription;
    return {
      pause: async () => {},
      resume: () => {},
      isPaused: () => false,
      stop: async () => {},
      healthy: () => true,
    };
  };
  const watched = Object.assign(Object.create(bus) as MemoryBus, { subscribe });
  const relay = new OutboxRelay(outbox, bus, clock, { owner: 'one' });
  coordinator = new Coordinator(
    { journal: new MemoryJournal(database, outbox), relay, bus: watched, clock, random: seededRandom(1) },
    { owner: 'one', definitions: new Definitions([]), shardCount: 2 },
  );
  await coordinator.start();
});

afterEach(async () => {
  await coordinator.stop();
  await bus.stop();
});

function startOn(partition: number): Delivery {
  const transactionId = uuidv7(1_700_000_000_000);
  const data = { transactionId, definition: 'nobody-knows', input: {} };
  const message: Message = {
    id: `${transactionId}/start`,
    type: startType,
    source: 'test',
    topic: inboxTopic,
    key: transactionId,
    occurredAt: 0,
    data,
  };
  return { message, origin: { topic: inboxTopic, partition, offset: '0' } };
}

test('R10: a message of a partition that was not announced yet comes again, and is handled once it was', async () => {
  await joined?.onAssigned?.([0]);
  await expect(joined?.handle([startOn(0)])).resolves.toBeUndefined();
  await expect(joined?.handle([startOn(1)])).rejects.toMatchObject({ code: 'SHARD_LEASE_LOST' });
  await joined?.onAssigned?.([0, 1]);
  await expect(joined?.handle([startOn(1)])).resolves.toBeUndefined();
});

test('R10: a message that comes after the stop has let the shards go is left to the next owner', async () => {
  await joined?.onAssigned?.([0, 1]);
  await coordinator.stop();
  await expect(joined?.handle([startOn(1)])).rejects.toMatchObject({ code: 'SHARD_LEASE_LOST' });
});
