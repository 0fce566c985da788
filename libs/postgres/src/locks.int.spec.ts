/**
 * Goal: semantic locks keep their promise across connections, owners and crashes, on the real database.
 * Method: two processes, each with connections of its own, over one database; a bus in memory; the test is the participant.
 * A crash is an end of all of a process's connections.
 */
import { afterAll, afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { judgeClaim } from '@sagamore/engine';
import { MemoryBroker, MemoryBus } from '@sagamore/memory';
import { seededRandom, uuidv7 } from '@sagamore/primitives';
import { Coordinator, inboxTopic, OutboxRelay, SystemClock } from '@sagamore/runtime';
import { setTimeout as pause } from 'node:timers/promises';
import { LockRig, lockDefinitions } from '../../../test/support/lock-rig.js';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { transactionOne, transactionTwo } from '../../../test/support/runtime.js';
import { statement } from './statement.js';

jest.setTimeout(60_000);

let url: string;
let broker: MemoryBroker;
let stock: LockRig;
const closing: (() => Promise<unknown>)[] = [];
const newBus = () => new MemoryBus({ clock: new SystemClock(), broker });

beforeEach(async () => {
  url = await (await testPostgres()).freshDatabase();
  broker = new MemoryBroker();
  const bus = newBus();
  closing.push(() => bus.stop());
  await bus.ensureTopics([{ topic: inboxTopic, partitions: 2 }]);
  stock = new LockRig(bus);
  await stock.listen();
});

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(async () => (await testPostgres()).stop());

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline;) {
    if (await isTrue()) return;
    await pause(5);
  }
  throw new Error('what was waited for did not come within 15 s');
}

async function open(): Promise<PostgresPorts> {
  const ports = await openPostgresPorts({ url });
  const closed = { promise: undefined as Promise<void> | undefined };
  const close = () => (closed.promise ??= ports.close());
  closing.push(close);
  return { ...ports, close };
}

interface Process {
  readonly ports: PostgresPorts;
  readonly coordinator: Coordinator;
  die(): Promise<void>;
}

async function orchestrator(owner: string): Promise<Process> {
  const ports = await open();
  const [bus, clock] = [newBus(), new SystemClock()];
  const relay = new OutboxRelay(ports.outbox, bus, clock, { owner });
  const coordinator = new Coordinator(
    { journal: ports.journal, relay, bus, clock, random: seededRandom(1) },
    { owner, definitions: lockDefinitions(), shardCount: 2, takeoverGraceMs: 200, lockLookMs: 300 },
  );
  await coordinator.start();
  const stop = () => coordinator.stop();
  closing.push(stop);
  const die = async () => {
    bus.crash();
    await ports.close();
    // Nothing hears it any more; but its timers must not outlive the test.
    await coordinator.stop();
    closing.splice(closing.indexOf(stop), 1);
  };
  return { ports, coordinator, die };
}

async function twoOwners(): Promise<readonly Process[]> {
  const processes = [await orchestrator('one'), await orchestrator('two')];
  await until(() => processes.every(({ coordinator }) => coordinator.holding.shards.length === 1));
  return processes;
}

const asks = (id: string, type: string) => until(() => stock.askedBy(id).includes(type));
const statusOf = async ({ journal }: PostgresPorts, id: string) => (await journal.load([id]))[0]?.status;

interface Owner {
  readonly journal: PostgresPorts['journal'];
  readonly shard: number;
  readonly epoch: number;
}

/** Two owners of a shard each, without coordinators. */
async function owners(): Promise<readonly [Owner, Owner]> {
  const own = async (shard: number) => {
    const { journal } = await open();
    return { journal, shard, epoch: await journal.take(shard, `o-${shard}`, 2) };
  };
  return [await own(0), await own(1)];
}

let made = 0;

/** Begins a transaction that claims `key`, and ends the transaction `ended`, in one commit. Answers its id. */
async function claim({ journal, shard, epoch }: Owner, key: string, ended?: string): Promise<string> {
  const startedAt = 1_763_800_000_000 + made++;
  const transactionId = uuidv7(startedAt);
  const start = { transactionId, shard, startedAt, definition: 'a', version: 1, input: null };
  const taken = {
    transactionId,
    shard,
    startedAt,
    key,
    branchId: 'a-lock',
    policy: 'wait',
    canYield: true,
  } as const;
  const end = { shard, status: 'completed', phase: 'final', at: startedAt } as const;
  const statuses = ended === undefined ? [] : [{ ...end, transactionId: ended }];
  const batch = {
    starts: [start],
    entries: [],
    statuses,
    facts: [],
    locks: { taken: [taken], released: [] },
  };
  await journal.commit(new Map([[shard, epoch]]), batch, `o-${shard}`);
  return transactionId;
}

/** Who holds `key`, as this owner sees it now. */
async function holders({ journal }: Owner, key: string): Promise<readonly string[]> {
  const rows = await journal.locksAround([key]);
  return rows.filter((row) => judgeClaim(row, rows) !== undefined).map((row) => row.transactionId);
}

const holdRow = statement('test-hold', 'select from transaction where transaction_id = $1 for update');
const countWaiting = statement(
  'test-waiting',
  `select count(*)::integer as waiting from pg_stat_activity where wait_event_type = 'Lock'`,
);

test('S101: of two claims the one whose place was drawn first is first, however late its owner commits', async () => {
  const [one, two] = await owners();
  const { database } = await open();
  const waiting = async () => (await database.read<{ waiting: number }>(countWaiting))[0]?.waiting;
  const elsewhere = await claim(one, 'elsewhere');
  const letGo = Promise.withResolvers<void>();
  const isHeld = Promise.withResolvers<void>();
  const holding = database.transaction(async (tx) => {
    await tx.query(holdRow, [elsewhere]);
    isHeld.resolve();
    await letGo.promise;
  });
  await isHeld.promise;
  // The first owner has drawn its place, and cannot commit yet.
  const first = claim(one, 'order/7', elsewhere).then(() => holders(one, 'order/7'));
  await until(async () => (await waiting()) === 1);
  let isThrough = false;
  const second = claim(two, 'order/7').then(() => holders(two, 'order/7'));
  void second.then(() => (isThrough = true));
  await until(async () => isThrough || (await waiting()) === 2);
  letGo.resolve();
  await holding;
  const seen = [...(await first), ...(await second)];
  expect(new Set(seen)).toEqual(new Set(await holders(one, 'order/7')));
});

test('S101: of claims that two owners commit at the same moments exactly one holds, and goes on holding', async () => {
  const both = await owners();
  for (let round = 0; round < 15; round++) {
    const key = `order/${round}`;
    const looks = [1, 2, 3].flatMap(() =>
      both.map(async (owner) => {
        await claim(owner, key);
        return holders(owner, key);
      }),
    );
    expect([round, new Set((await Promise.all(looks)).flat()).size]).toEqual([round, 1]);
  }
});

test('S101: who waits goes on once the holder has ended on another owner', async () => {
  const [one] = await twoOwners();
  await stock.start(transactionOne, 0, { first: 'order/7' });
  await asks(transactionOne, 'stock.hold');
  await stock.start(transactionTwo, 1, { first: 'order/7' });
  await until(async () => (await one!.ports.journal.locksAround(['order/7'])).length === 2);
  expect(stock.askedBy(transactionTwo)).toEqual([]);
  await stock.answer(transactionOne, 'stock.hold');
  await asks(transactionTwo, 'stock.hold');
  await stock.answer(transactionTwo, 'stock.hold');
  await until(async () => (await statusOf(one!.ports, transactionTwo)) === 'completed');
  expect(await one!.ports.journal.listLocks({ keysMax: 10 })).toEqual([]);
});

test('S101: after its process died a lock is not free until its transaction is settled by the next owner', async () => {
  const one = await orchestrator('one');
  await until(() => one.coordinator.holding.shards.length === 2);
  await stock.start(transactionOne, 0, { first: 'order/7' });
  await asks(transactionOne, 'stock.hold');
  await stock.start(transactionTwo, 1, { first: 'order/7' });
  await until(async () => (await one.ports.journal.locksAround(['order/7'])).length === 2);
  await one.die();
  const two = await orchestrator('two');
  await until(() => two.coordinator.holding.shards.length === 2);
  const looks = stock.commands.length;
  // Three looks of the new owner at the queue.
  await pause(1_000);
  expect(stock.commands.slice(looks).filter(({ key }) => key === transactionTwo)).toEqual([]);
  await stock.answer(transactionOne, 'stock.hold');
  await asks(transactionTwo, 'stock.hold');
});

test('S102: two owners who close a circle at the same moment choose one victim between them', async () => {
  const [one] = await twoOwners();
  await stock.start(transactionOne, 0, { first: 'x', second: 'y' });
  await asks(transactionOne, 'stock.hold');
  await stock.start(transactionTwo, 1, { first: 'y', second: 'x' });
  await asks(transactionTwo, 'stock.hold');
  await Promise.all([transactionOne, transactionTwo].map((id) => stock.answer(id, 'stock.hold')));
  await asks(transactionTwo, 'stock.return');
  expect(stock.askedBy(transactionOne)).toEqual(['stock.hold']);
  await stock.answer(transactionTwo, 'stock.return');
  await asks(transactionOne, 'stock.change');
  await stock.answer(transactionOne, 'stock.change');
  await until(async () => (await statusOf(one!.ports, transactionOne)) === 'completed');
  const [victim] = await one!.ports.journal.load([transactionTwo]);
  expect(victim).toMatchObject({ status: 'compensated', reason: { refusal: { code: 'deadlock' } } });
  const answers = victim?.events.filter(({ type }) => type === 'lock-answered');
  expect(answers?.at(-1)).toMatchObject({ answer: { outcome: 'deadlock', cycle: expect.any(Array) } });
  expect(await one!.ports.journal.listLocks({ keysMax: 10 })).toEqual([]);
});
