/**
 * Goal: who waits for a lock is told when it is free, wherever its holder runs and whatever is lost on the way; and what is
 * held stays held through every crash.
 * Method: two orchestrators over one store and one broker in memory, each with a shard; the test is the participant.
 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { MemoryJournal, MemoryOutbox } from '@sagamore/memory';
import { seededRandom } from '@sagamore/primitives';
import { LockRig, lockDefinitions } from '../../../test/support/lock-rig.js';
import {
  RuntimeRig,
  transactionOne,
  transactionThree,
  transactionTwo,
} from '../../../test/support/runtime.js';
import { Coordinator } from './coordinator.js';
import { lockHintType, inboxTopic } from './message.js';
import { OutboxRelay } from './outbox-relay.js';
import type { Bus } from './ports.js';

let rig: RuntimeRig;
let stock: LockRig;
let journal: MemoryJournal;
let hintsAreLost = false;
const faults: unknown[] = [];
const running: Coordinator[] = [];

async function orchestrator(owner: string): Promise<() => void> {
  const { database, bus, clock } = rig.process();
  const outbox = new MemoryOutbox(database);
  journal = new MemoryJournal(database, outbox);
  const relay = new OutboxRelay(outbox, bus, clock, { owner });
  const send: Bus['send'] = (messages) =>
    bus.send(messages.filter(({ type }) => !hintsAreLost || type !== lockHintType));
  const deaf = Object.assign(Object.create(bus) as typeof bus, { send });
  const hooks = { onFault: (error: unknown) => void faults.push(error) };
  const coordinator = new Coordinator(
    { journal, relay, bus: deaf, clock, random: seededRandom(1) },
    { owner, definitions: lockDefinitions(), shardCount: 2, takeoverGraceMs: 500, hooks },
  );
  await coordinator.start();
  running.push(coordinator);
  return () => {
    running.splice(running.indexOf(coordinator), 1);
    database.crash();
    bus.crash();
  };
}

const shardsOf = () => running.map(({ holding }) => holding.shards.length).toSorted();
const eventually = (isTrue: () => boolean) => rig.until(isTrue, 25);

beforeEach(async () => {
  rig = new RuntimeRig();
  hintsAreLost = false;
  faults.length = 0;
  const { bus } = rig.process();
  await bus.ensureTopics([{ topic: inboxTopic, partitions: 2 }]);
  stock = new LockRig(bus);
  await stock.listen();
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
});

const standing = (id: string) => {
  const rows = rig.store.committed<{ status: string; reason?: { refusal?: { code: string } } }>(
    'transaction',
  );
  const row = rows.find(([key]) => key === id)?.[1];
  return row?.reason?.refusal === undefined ? row?.status : `${row.status} ${row.reason.refusal.code}`;
};
const asks = (id: string, type: string) => eventually(() => stock.askedBy(id).includes(type));
const isFree = () => rig.store.committed('semantic_lock').length === 0;

async function twoOwners(): Promise<void> {
  await orchestrator('one');
  await orchestrator('two');
  await eventually(() => shardsOf().join() === '1,1');
}

test('S101: who waits goes on once the holder has ended, on another owner too, and then the registry is empty', async () => {
  await twoOwners();
  await stock.start(transactionOne, 0, { first: 'order/7' });
  await asks(transactionOne, 'stock.hold');
  await stock.start(transactionTwo, 1, { first: 'order/7' });
  await eventually(() => rig.store.committed('semantic_lock').length === 2);
  await rig.settle();
  expect(stock.askedBy(transactionTwo)).toEqual([]);
  await stock.answer(transactionOne, 'stock.hold');
  await asks(transactionTwo, 'stock.hold');
  expect(standing(transactionOne)).toBe('completed');
  await stock.answer(transactionTwo, 'stock.hold');
  await eventually(() => standing(transactionTwo) === 'completed');
  expect(isFree()).toBe(true);
});

test('S101: a hint that is lost costs only the time until the next look', async () => {
  hintsAreLost = true;
  await twoOwners();
  await stock.start(transactionOne, 0, { first: 'order/7' });
  await asks(transactionOne, 'stock.hold');
  await stock.start(transactionTwo, 1, { first: 'order/7' });
  await stock.answer(transactionOne, 'stock.hold');
  await asks(transactionTwo, 'stock.hold');
});

test('S101: that fails is refused at once, and undone', async () => {
  await twoOwners();
  await stock.start(transactionOne, 0, { first: 'order/7' });
  await asks(transactionOne, 'stock.hold');
  await stock.start(transactionTwo, 1, { first: 'order/7' }, 'fail');
  await eventually(() => standing(transactionTwo) === 'compensated locked');
  expect(stock.askedBy(transactionTwo)).toEqual([]);
  await stock.answer(transactionOne, 'stock.hold');
  await eventually(isFree);
});

test('S30, S101: that rereads goes on at once, with a version newer than the holder has', async () => {
  await twoOwners();
  await stock.start(transactionOne, 0, { first: 'order/7' });
  await asks(transactionOne, 'stock.hold');
  await stock.start(transactionTwo, 1, { first: 'order/7' }, 'reread');
  await asks(transactionTwo, 'stock.hold');
  const versions = [transactionOne, transactionTwo].map((id) => stock.payloadOf(id, 'stock.hold'));
  expect(versions).toMatchObject([{ key: 'order/7' }, { key: 'order/7' }]);
  const [older, newer] = versions.map((payload) => (payload as { version: number }).version);
  expect(newer).toBeGreaterThan(older ?? Infinity);
});

test('S101: commutative ones share a key, and who does not share waits for all of them', async () => {
  await twoOwners();
  await stock.start(transactionOne, 0, { first: 'order/7' }, 'commutative');
  await stock.start(transactionTwo, 1, { first: 'order/7' }, 'commutative');
  await asks(transactionOne, 'stock.hold');
  await asks(transactionTwo, 'stock.hold');
  await stock.start(transactionThree, 0, { first: 'order/7' });
  await stock.answer(transactionOne, 'stock.hold');
  await eventually(() => standing(transactionOne) === 'completed');
  await rig.settle();
  expect(stock.askedBy(transactionThree)).toEqual([]);
  await stock.answer(transactionTwo, 'stock.hold');
  await asks(transactionThree, 'stock.hold');
});

test('S101: a lock whose holder has died is not free until the holder is settled', async () => {
  const die = await orchestrator('one');
  await eventually(() => shardsOf().join() === '2');
  await stock.start(transactionOne, 0, { first: 'order/7' });
  await asks(transactionOne, 'stock.hold');
  await stock.start(transactionTwo, 1, { first: 'order/7' });
  await eventually(() => rig.store.committed('semantic_lock').length === 2);
  die();
  await orchestrator('two');
  await eventually(() => shardsOf().join() === '2');
  for (let looks = 0; looks < 100; looks++) await rig.clock.advanceAsync(100);
  expect(stock.askedBy(transactionTwo)).toEqual([]);
  await stock.answer(transactionOne, 'stock.hold');
  await asks(transactionTwo, 'stock.hold');
});

test('S102: two on two owners who wait for each other: the younger gives way, and the circle is in its journal', async () => {
  await twoOwners();
  await stock.start(transactionOne, 0, { first: 'x', second: 'y' });
  await asks(transactionOne, 'stock.hold');
  await rig.clock.advanceAsync(50);
  await stock.start(transactionTwo, 1, { first: 'y', second: 'x' });
  await asks(transactionTwo, 'stock.hold');
  await stock.answer(transactionOne, 'stock.hold');
  await stock.answer(transactionTwo, 'stock.hold');
  await asks(transactionTwo, 'stock.return');
  expect(stock.askedBy(transactionOne)).toEqual(['stock.hold']);
  await stock.answer(transactionTwo, 'stock.return');
  await asks(transactionOne, 'stock.change');
  expect(standing(transactionTwo)).toBe('compensated deadlock');
  const [stored] = await journal.load([transactionTwo]);
  const answers = stored?.events.filter(({ type }) => type === 'lock-answered');
  const cycle = [
    { transactionId: transactionTwo, key: 'x', holder: transactionOne },
    { transactionId: transactionOne, key: 'y', holder: transactionTwo },
  ];
  expect(answers?.at(-1)).toMatchObject({ answer: { outcome: 'deadlock' } });
  expect(answers?.at(-1)).toMatchObject({ answer: { cycle: expect.arrayContaining(cycle) } });
  await stock.answer(transactionOne, 'stock.change');
  await eventually(isFree);
  expect(faults).toEqual([]);
});
