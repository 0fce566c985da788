/**
 * Goal: before a release, whoever renames or removes a step is told which transactions under way would miss it.
 * Method: journals in memory with transactions at several places; definitions as data.
 */
import { beforeEach, expect, test } from '@jest/globals';
import { saga, sagaProtocol, type Protocol, type TransactionEvent } from '@sagamore/engine';
import { ManualClock, MemoryDatabase, MemoryJournal, MemoryOutbox } from '@sagamore/memory';
import { uuidv7 } from '@sagamore/primitives';
import { inFlightReport } from './in-flight-report.js';
import type { TransactionStatus } from './ports.js';

const operationOf = (name: string) => {
  return {
    participant: 'shop',
    action: `${name}.do`,
    compensation: `${name}.undo`,
    effect: 'local',
  } as const;
};
/** `asks`: what a step asks for, where that is not its own name. */
const define = (
  names: readonly string[],
  { version = 1, asks = {} as Record<string, string> } = {},
): Protocol => {
  let told = saga<unknown>('order', { version });
  for (const name of names) told = told.step(name, operationOf(asks[name] ?? name), () => 1);
  return sagaProtocol(told.define());
};
const current = define(['reserve', 'charge', 'ship']);
const before = [current.shape!];

let journal: MemoryJournal;
let epoch: number;
let made = 0;

beforeEach(async () => {
  const database = new MemoryDatabase({ clock: new ManualClock() });
  journal = new MemoryJournal(database, new MemoryOutbox(database));
  epoch = await journal.take(0, 'one', 1);
});

async function begun(
  done: readonly string[],
  standing: Partial<TransactionStatus> = {},
  version = 1,
): Promise<string> {
  const transactionId = uuidv7(1_763_800_000_000 + made++);
  const own = { transactionId, shard: 0 };
  const start = { ...own, definition: 'order', version, input: {}, startedAt: 0 };
  const entries = done.map((branchId, index) => {
    const reply = { outcome: 'succeeded', output: null } as const;
    const asked = { branchId, operation: 'action', generation: 1 } as const;
    const event: TransactionEvent = { type: 'replied', at: index, ...asked, reply };
    return { ...own, seq: index + 1, event };
  });
  const status = { ...own, status: 'executing', phase: 'moving', at: 1, ...standing } as const;
  const batch = { starts: [start], entries, statuses: [status], facts: [] };
  await journal.commit(new Map([[0, epoch]]), batch, 'one');
  return transactionId;
}

test('S93: what has not changed affects nobody', async () => {
  await begun(['reserve']);
  expect(await inFlightReport(journal, before, [define(['reserve', 'charge', 'ship'])])).toEqual([]);
});

test('S93: a renamed step names the transactions under way, and which of them have been there', async () => {
  const [young, old] = [await begun([]), await begun(['reserve', 'charge'])];
  const parked = await begun(['reserve'], { status: 'parked', phase: 'parked' });
  await begun(['reserve', 'charge', 'ship'], { status: 'completed', phase: 'final' });
  const after = define(['reserve', 'pay', 'ship'], { asks: { pay: 'charge' } });
  const report = await inFlightReport(journal, before, [after]);
  expect(report).toMatchObject([
    { definition: 'order', version: 1, changes: [{ kind: 'renamed', step: 'charge', to: 'pay' }] },
  ]);
  const byId = new Map(report[0]?.transactions.map((each) => [each.transactionId, each.reached]));
  expect(byId).toEqual(
    new Map([
      [young, []],
      [old, ['charge']],
      [parked, []],
    ] as const),
  );
});

test('S93: the same change under a new version affects nobody, as long as the old one stays', async () => {
  await begun(['reserve']);
  const next = define(['reserve', 'pay', 'ship'], { version: 2 });
  expect(await inFlightReport(journal, before, [current, next])).toEqual([]);
  const report = await inFlightReport(journal, before, [next]);
  expect(report).toMatchObject([{ version: 1, changes: 'gone', transactions: [{ reached: ['reserve'] }] }]);
});

test.each([
  ['removed', ['reserve', 'ship'], { kind: 'removed', step: 'charge' }],
  ['added', ['reserve', 'charge', 'ship', 'thank'], { kind: 'added', step: 'thank' }],
  ['moved', ['charge', 'reserve', 'ship'], { kind: 'moved', step: 'reserve' }],
] as const)('S93: a step that was %s is named', async (_, names, change) => {
  await begun(['reserve']);
  const [report] = await inFlightReport(journal, before, [define(names)]);
  expect(report?.changes).toContainEqual(change);
});

test('S93: more transactions than one page holds are all named', async () => {
  for (let count = 0; count < 450; count++) await begun([]);
  const [report] = await inFlightReport(journal, before, []);
  expect(report?.transactions).toHaveLength(450);
});
