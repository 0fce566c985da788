/**
 * Goal: a saga is one step of another across two shards: done, undone, blocked and answered as one, whoever is first.
 * Method: orchestrators over the memory ports; the test is every participant, and writes askings as a parent's owner would.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  refused,
  saga,
  sagaProtocol,
  succeeded,
  type Half,
  type Reply,
  type SagaDefinition,
} from '@sagamore/engine';
import { shardOf } from '@sagamore/primitives';
import { Orchestration, outcomeOf } from '../../../test/support/orchestration.js';
import { transactionOne, transactionTwo, trusted } from '../../../test/support/runtime.js';
import { childIdOf, childMessage } from './children.js';
import { Definitions } from './definitions.js';
import type { CommandData, Message } from './message.js';
import { operation } from './operation.js';

const work = (name: `${string}.${string}`) =>
  operation(name, { input: trusted<unknown>(), output: trusted<string>(), undo: 'undo' });
const retry = { attemptsMax: 3, baseMs: 10, maxMs: 20 };
const patience = { timeoutMs: 1_000, retry, undoRetry: retry };

const pack = (version: number) =>
  saga<{ sku: string }>('pack', { version })
    .step('box', work('box.do'), () => version, patience)
    .step('label', work('label.do'), () => version, patience)
    .returns(({ results }) => ({ label: results.label, version }))
    .define();
const child = pack(3);
const ship = (onUndoFailure: 'stop' | 'continue' = 'stop') =>
  saga<{ sku: string }>('ship', { version: 1, onUndoFailure })
    .step('reserve', work('stock.do'), () => 1, patience)
    .subSaga('pack', child, ({ input }) => input, patience)
    .step('send', work('send.do'), ({ results }) => results.pack, patience)
    .define();

const childOne = childIdOf(transactionOne, 'pack');
const shardCount = 3;
const only = (...known: readonly SagaDefinition[]) =>
  new Definitions(known.map((each) => sagaProtocol(each)));
const both = only(ship(), child);

let house: Orchestration;
/** What the participants were asked for, in order, as `do x` and `undo x`. */
let story: string[];
/** What a participant answers instead of a yes, by line of the story. */
let answers: Record<string, Reply>;

beforeEach(async () => {
  house = new Orchestration(shardCount);
  await house.open();
  story = [];
  answers = {};
  for (const name of ['stock', 'box', 'label', 'send'])
    await house.participate(`${name}.commands`, (command) => answer(name, command));
});
afterEach(() => house.close());

function answer(name: string, { operation: half, payload }: CommandData): Reply {
  const line = `${half === 'action' ? 'do' : 'undo'} ${name}`;
  story.push(line);
  return answers[line] ?? succeeded(half === 'action' ? `${name} ${JSON.stringify(payload)}` : {});
}

/** The asking of the parent's owner, as it would send it. */
function asking(half: Half & ('action' | 'compensation'), generation = 1, version = 3): Message {
  const input = { sku: 'tea' };
  const parent = {
    transactionId: transactionOne,
    definition: 'ship',
    version: 1,
    shard: 0,
    input,
    startedAt: 0,
  };
  const payload = half === 'action' ? input : { input, outcome: 'unknown' };
  const type = half === 'action' ? 'start-child' : 'undo-child';
  const command = {
    type,
    definition: 'pack',
    version,
    branchId: 'pack',
    operation: half,
    generation,
    attempt: 1,
    payload,
  } as const;
  return childMessage(command, { parent, shardCount, at: 0 });
}

const isAnswer = ({ type }: Message) => type.includes('-child.');
const said = (message: Message) => (message.data as { readonly reply: Reply }).reply;

describe('S24: a saga as one step of another', () => {
  test('is a transaction of its own on its own shard, and what it returns is the result of the step', async () => {
    await house.start('a', { definitions: both });
    await house.begin(transactionOne, 'ship', { sku: 'tea' });
    await house.reaches(transactionOne, 'completed');
    expect(story).toEqual(['do stock', 'do box', 'do label', 'do send']);
    const shard = shardOf(childOne, shardCount);
    const parent = {
      transactionId: transactionOne,
      branchId: 'pack',
      operation: 'action',
      generation: 1,
      shard: 0,
    };
    const output = { label: 'label 3', version: 3 };
    expect(house.row(childOne)).toMatchObject({ definition: 'pack', version: 3, shard, parent, output });
    expect(house.events(transactionOne)[1]).toMatchObject({ reply: { outcome: 'in-progress' } });
    expect(house.events(transactionOne)[2]).toMatchObject({ branchId: 'pack', reply: succeeded(output) });
  });

  test('that is done rests for its parent, in nobody’s memory', async () => {
    const { coordinator } = await house.start('a', { definitions: both });
    await house.begin(transactionOne, 'ship', { sku: 'tea' });
    await house.reaches(transactionOne, 'completed');
    expect(house.row(childOne)?.phase).toBe('held');
    expect(coordinator.holding.transactions).toBe(0);
  });

  test('is undone as one step, in its own order, when a later step is refused', async () => {
    answers['do send'] = refused('no-road');
    await house.start('a', { definitions: both });
    await house.begin(transactionOne, 'ship', { sku: 'tea' });
    await house.reaches(transactionOne, 'compensated');
    expect(story.slice(4)).toEqual(['undo label', 'undo box', 'undo stock']);
    expect(house.row(childOne)).toMatchObject({ status: 'compensated', phase: 'final' });
    expect(house.row(childOne)).not.toHaveProperty('output');
  });

  test('refuses in the business’s words once it has undone itself', async () => {
    answers['do label'] = refused('no-ink');
    await house.start('a', { definitions: both });
    await house.begin(transactionOne, 'ship', { sku: 'tea' });
    await house.reaches(transactionOne, 'compensated');
    expect(story).toEqual(['do stock', 'do box', 'do label', 'undo box', 'undo stock']);
    expect(house.row(transactionOne)?.reason).toMatchObject({
      branchId: 'pack',
      refusal: { code: 'no-ink' },
    });
  });

  test('is told of like any transaction', async () => {
    const facts = await house.rig.listen('transaction.events');
    await house.start('a', { definitions: both });
    await house.begin(transactionOne, 'ship', { sku: 'tea' });
    await house.rig.until(() => facts.length === 2, 10);
    expect(facts.map(outcomeOf)).toMatchObject([
      { transactionId: childOne, outcome: 'completed', output: { version: 3 } },
      { transactionId: transactionOne, outcome: 'completed' },
    ]);
  });
});

describe('R16: a child that is asked again', () => {
  test('while it is held, after its end, or in the same batch, answers every time and does nothing twice', async () => {
    const inbox = await house.rig.listen('orchestrator.inbox');
    await house.start('a', { definitions: both });
    await house.send(asking('action'), asking('action'));
    await house.reaches(childOne, 'completed');
    await house.rig.until(() => inbox.filter(isAnswer).length === 2, 10);
    await house.send(asking('action', 2));
    await house.rig.until(() => inbox.filter(isAnswer).length === 3, 10);
    await house.send(asking('compensation'));
    await house.reaches(childOne, 'compensated');
    await house.rig.until(() => inbox.filter(isAnswer).length === 5, 10);
    const before = [house.row(childOne), house.events(childOne)];
    await house.send(asking('compensation', 2), asking('action', 3));
    await house.rig.until(() => inbox.filter(isAnswer).length === 6, 10);
    await house.rig.settle();
    expect(inbox.filter(isAnswer).map((message) => said(message).outcome)).toEqual([
      'in-progress',
      'succeeded',
      'succeeded',
      'in-progress',
      'succeeded',
      'succeeded',
    ]);
    expect([house.row(childOne), house.events(childOne)]).toEqual(before);
    expect(story).toEqual(['do box', 'do label', 'undo label', 'undo box']);
  });

  test('while it is parked keeps its rest, so that a wish for it still counts (S94)', async () => {
    answers['do label'] = refused('no-ink');
    answers['undo box'] = refused('sealed');
    await house.start('a', { definitions: both });
    await house.send(asking('action'));
    await house.reaches(childOne, 'parked');
    const since = house.row(childOne)?.updatedAt;
    await house.rig.clock.advanceAsync(1_000);
    await house.send(asking('action', 2));
    await house.rig.until(() => house.events(childOne).at(-1)?.type === 'parent-asked');
    expect(house.row(childOne)?.updatedAt).toBe(since);
  });

  test('of whose definition nothing is known any more, says so, and stays as it was', async () => {
    const inbox = await house.rig.listen('orchestrator.inbox');
    const first = await house.start('a', { definitions: both });
    await house.send(asking('action'));
    await house.reaches(childOne, 'completed');
    first.die();
    await house.start('b', { definitions: only(ship()) });
    await house.send(asking('compensation'));
    await house.rig.until(
      () => inbox.filter(isAnswer).some((message) => said(message).outcome === 'failed'),
      10,
    );
    expect(house.row(childOne)).toMatchObject({ status: 'completed', phase: 'held' });
    expect(house.events(childOne)).toHaveLength(2);
  });
});

test('R6, I14: an undo that arrives before the start takes its seat, and the late start does nothing', async () => {
  const inbox = await house.rig.listen('orchestrator.inbox');
  await house.start('a', { definitions: both });
  await house.send(asking('compensation'));
  await house.reaches(childOne, 'compensated');
  await house.send(asking('action'));
  await house.rig.settle();
  await house.rig.until(() => inbox.some(isAnswer), 10);
  expect(inbox.filter(isAnswer).map(said)).toEqual([{ outcome: 'succeeded', output: null, empty: true }]);
  expect([story, house.events(childOne)]).toEqual([[], []]);
});

describe('S25: a child whose undo is blocked', () => {
  test.each([
    ['stop', ['undo label', 'undo box']],
    ['continue', ['undo label', 'undo box', 'undo stock']],
  ] as const)('is named by its parent, whose earlier steps are undone or not: %s', async (policy, undone) => {
    answers['do send'] = refused('no-road');
    answers['undo box'] = refused('sealed');
    await house.start('a', { definitions: only(ship(policy), child) });
    await house.begin(transactionOne, 'ship', { sku: 'tea' });
    await house.reaches(transactionOne, 'parked');
    const failure = { code: 'CHILD_PARKED' };
    expect(house.row(transactionOne)?.reason).toMatchObject({
      kind: 'undo-failed',
      branchId: 'pack',
      failure,
    });
    expect(house.row(childOne)).toMatchObject({
      status: 'parked',
      reason: { kind: 'undo-refused', branchId: 'box' },
    });
    expect(story.slice(4)).toEqual(undone);
    answers = {};
    await house.resume(childOne);
    await house.reaches(childOne, 'compensated');
    await house.resume(transactionOne);
    await house.reaches(transactionOne, 'compensated');
    expect(story.filter((line) => line === 'undo stock')).toHaveLength(1);
  });
});

describe('a child and its versions', () => {
  test('S91: begins under the version its parent names, whatever is the newest', async () => {
    await house.start('a', { definitions: only(ship(), child, pack(4)) });
    await house.begin(transactionOne, 'ship', { sku: 'tea' });
    await house.begin(transactionTwo, 'pack', { sku: 'tea' });
    await house.reaches(transactionOne, 'completed');
    await house.reaches(transactionTwo, 'completed');
    expect([house.row(childOne)?.version, house.row(transactionTwo)?.version]).toEqual([3, 4]);
  });

  test('S91: one under way finishes as the version it began with, and what begins now is of the newest', async () => {
    const first = await house.start('a', { definitions: only(pack(1)) });
    answers['do label'] = { outcome: 'in-progress' };
    await house.begin(transactionOne, 'pack', { sku: 'tea' });
    await house.rig.until(() => story.includes('do label'));
    first.die();
    answers = {};
    await house.start('b', { definitions: only(pack(1), pack(2)) });
    await house.begin(transactionTwo, 'pack', { sku: 'tea' });
    await house.reaches(transactionOne, 'completed', 100);
    await house.reaches(transactionTwo, 'completed', 100);
    expect(house.row(transactionOne)).toMatchObject({ version: 1, output: { version: 1, label: 'label 1' } });
    expect(house.row(transactionTwo)).toMatchObject({ version: 2, output: { version: 2, label: 'label 2' } });
  });

  test('S92, S25: parks where its version is missing, while its parent waits; resumed where it is known, both go on', async () => {
    const bugs: string[] = [];
    const hooks = { onBug: (id: string) => void bugs.push(id) };
    const first = await house.start('a', { definitions: only(ship(), pack(4)), hooks });
    await house.begin(transactionOne, 'ship', { sku: 'tea' });
    await house.reaches(childOne, 'parked');
    expect(house.row(childOne)?.reason).toEqual({ kind: 'no-handler' });
    await house.rig.until(() => house.events(transactionOne).length === 2, 10);
    expect(house.row(transactionOne)?.phase).toBe('moving');
    expect(bugs).toEqual([childOne]);
    first.die();
    await house.start('b', { definitions: both });
    await house.resume(childOne);
    await house.reaches(transactionOne, 'completed', 10);
    expect(story).toEqual(['do stock', 'do box', 'do label', 'do send']);
  });

  test('S92, S25: that is to be undone where its version is missing blocks its parent, and is undone once it is known', async () => {
    const trip = saga<{ sku: string }>('ship', { version: 1 })
      .parallel((group) =>
        group
          .chain((side) => side.subSaga('pack', child, ({ input }) => input, patience))
          .step('send', work('send.do'), () => 1, patience),
      )
      .define();
    answers['do send'] = refused('no-road');
    const first = await house.start('a', { definitions: only(trip) });
    await house.begin(transactionOne, 'ship', { sku: 'tea' });
    await house.reaches(transactionOne, 'parked', 10);
    expect(house.row(transactionOne)?.reason).toMatchObject({
      branchId: 'pack',
      failure: { code: 'CHILD_PARKED' },
    });
    first.die();
    await house.start('b', { definitions: only(trip, child) });
    await house.resume(childOne);
    await house.reaches(childOne, 'compensated', 10);
    await house.resume(transactionOne);
    await house.reaches(transactionOne, 'compensated', 10);
    expect(story.filter((line) => /label/.test(line))).toEqual([]);
  });
});

test('B96: an asking for a child that its parent’s branch does not name goes to the dead letters', async () => {
  const letters = await house.rig.listen('orchestrator.inbox.dead-letters');
  await house.start('a', { definitions: both });
  const forged = asking('compensation');
  await house.send({ ...forged, data: { ...(forged.data as object), transactionId: transactionTwo } });
  await house.rig.until(() => letters.length === 1);
  expect(house.rows).toEqual([]);
});

test('R16, S29: what a child said when its owner died is said by the next one', async () => {
  let isDoomed = true;
  const first = await house.start('a', {
    definitions: both,
    onCommit: {
      after: async () => {
        if (!isDoomed || house.row(childOne)?.phase !== 'held') return;
        isDoomed = false;
        first.die();
        await new Promise(() => {});
      },
    },
  });
  await house.begin(transactionOne, 'ship', { sku: 'tea' });
  await house.reaches(childOne, 'completed');
  expect(house.row(transactionOne)?.status).not.toBe('completed');
  await house.start('b', { definitions: both });
  await house.reaches(transactionOne, 'completed', 500);
  expect(story).toEqual(['do stock', 'do box', 'do label', 'do send']);
});
