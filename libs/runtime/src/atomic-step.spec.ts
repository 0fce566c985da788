/**
 * Goal: a saga may have a TCC or a two-phase commit as one step: done by all or by nobody, answered as often as it is asked,
 * and turned around like any other when it says no.
 * Method: orchestrators over the memory ports; the test is every participant, and kills the orchestrator in between.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  refused,
  saga,
  sagaProtocol,
  succeeded,
  tcc,
  tccProtocol,
  twoPhaseCommit,
  twoPhaseCommitProtocol,
  type AtomicDefinition,
  type Reply,
} from '@sagamore/engine';
import { Orchestration } from '../../../test/support/orchestration.js';
import { transactionOne, trusted } from '../../../test/support/runtime.js';
import { childIdOf } from './children.js';
import { Definitions } from './definitions.js';
import { inboxTopic, type CommandData } from './message.js';
import { operation } from './operation.js';

interface Input {
  readonly sku: string;
}

const shape = { input: trusted<Input>(), output: trusted<unknown>() };
const retry = { attemptsMax: 3, baseMs: 10, maxMs: 20 };
const patience = { timeoutMs: 60_000, retry, undoRetry: retry };
const plain = (name: string) => operation(`${name}.do`, shape);
const holding = (name: string) => {
  const told = { confirm: `${name}.keep`, compensation: `${name}.let-go` };
  return { ...operation(`${name}.do`, { ...shape, confirm: 'keep', undo: 'let-go' }), ...told };
};

const inTwoPhases = twoPhaseCommit<Input>('both-in-two-phases', { version: 1 })
  .participant('do-box', plain('box'), (input) => input, patience)
  .participant('do-label', plain('label'), (input) => input, patience)
  .define();
const inTcc = tcc<Input>('both-in-tcc', { version: 1 })
  .branch('do-box', holding('box'), (input) => input, patience)
  .branch('do-label', holding('label'), (input) => input, patience)
  .define();
const ship = (definition: AtomicDefinition<Input>) =>
  saga<Input>('ship', { version: 1 })
    .step('reserve', operation('stock.do', { ...shape, undo: 'undo' }), ({ input }) => input, patience)
    .atomic('pack', definition, ({ input }) => input, patience)
    .step('send', plain('send'), ({ input }) => input, { ...patience, retriable: true })
    .define();

const child = childIdOf(transactionOne, 'pack');
let house: Orchestration;
/** What the participants were asked for, in order, as `prepare box`. */
let story: string[];
/** What is answered instead of a yes, by line of the story; `silence` for nothing. */
let answers: Record<string, Reply | 'silence'>;

beforeEach(async () => {
  house = new Orchestration(3);
  await house.open();
  story = [];
  answers = {};
  for (const name of ['stock', 'box', 'label', 'send'])
    for (const topic of ['commands', 'settlements'])
      await house.participate(`${name}.${topic}`, (command) => answer(name, command));
});
afterEach(() => house.close());

function answer(name: string, { operation: half }: CommandData): Reply | undefined {
  const line = `${half} ${name}`;
  story.push(line);
  const said = answers[line] ?? succeeded({});
  return said === 'silence' ? undefined : said;
}

describe.each([
  {
    group: inTwoPhases,
    protocol: twoPhaseCommitProtocol(inTwoPhases),
    halves: ['prepare', 'commit', 'rollback'],
    ends: ['committed', 'aborted'],
  },
  {
    group: inTcc,
    protocol: tccProtocol(inTcc),
    halves: ['try', 'confirm', 'cancel'],
    ends: ['confirmed', 'cancelled'],
  },
])('$group.name as one step of a saga', ({ group, protocol, halves: [does, keeps, undoes], ends }) => {
  const definitions = new Definitions([sagaProtocol(ship(group)), protocol]);
  const begin = () => house.begin(transactionOne, 'ship', { sku: 'tea' });

  test('is a transaction of its own, done by all, and the saga goes on behind it', async () => {
    await house.start('a', { definitions });
    await begin();
    await house.reaches(transactionOne, 'completed');
    expect(story[0]).toBe('action stock');
    expect(story.slice(1, 3).toSorted()).toEqual([`${does} box`, `${does} label`]);
    expect(story.slice(3, 5).toSorted()).toEqual([`${keeps} box`, `${keeps} label`]);
    expect(story.slice(5)).toEqual(['action send']);
    expect(house.row(child)).toMatchObject({ definition: group.name, status: ends[0], phase: 'final' });
  });

  test('is done by nobody where one says no, and what was done before it is undone, in the words of that no', async () => {
    answers[`${does} label`] = refused('no-ink');
    await house.start('a', { definitions });
    await begin();
    await house.reaches(transactionOne, 'compensated');
    expect(story).toContain(`${undoes} box`);
    expect(story.filter((line) => line.startsWith(`${keeps} `))).toEqual([]);
    expect(story.at(-1)).toBe('compensation stock');
    expect(house.row(transactionOne)?.reason).toMatchObject({
      branchId: 'pack',
      refusal: { code: 'no-ink' },
    });
    expect(house.row(child)).toMatchObject({ status: ends[1], phase: 'final' });
  });

  test('is never undone: once it is done, what follows is repeated until it is done', async () => {
    answers['action send'] = {
      outcome: 'failed',
      failure: { code: 'AWAY', message: 'nobody there', retryable: true },
    };
    await house.start('a', { definitions });
    await begin();
    await house.reaches(transactionOne, 'parked', 10);
    expect(story.filter((line) => line.startsWith(`${undoes} `) || line.startsWith('comp'))).toEqual([]);
    answers = {};
    await house.resume(transactionOne);
    await house.reaches(transactionOne, 'completed', 10);
  });

  test('R16, S29: is answered by its row, whoever runs it and however often it is asked', async () => {
    answers[`${keeps} label`] = 'silence';
    const first = await house.start('a', { definitions });
    await begin();
    await house.rig.until(() => story.includes(`${keeps} label`));
    first.die();
    answers = {};
    const inbox = await house.rig.listen(inboxTopic);
    await house.start('b', { definitions });
    await house.reaches(transactionOne, 'completed', 10);
    expect(story.filter((line) => line === 'action send')).toHaveLength(1);
    const said = inbox.filter(({ type }) => type.startsWith('transaction.start-child.'));
    expect(said.map(({ type }) => type)).toContain('transaction.start-child.succeeded');
  });
});

test('an atomic step is the pivot of its saga, and there is one', () => {
  const twice = saga<Input>('twice', { version: 1 })
    .atomic('pack', inTwoPhases, ({ input }) => input)
    .atomic('seal', inTcc, ({ input }) => input);
  expect(() => twice.define()).toThrow('a saga has one pivot');
});
