/**
 * Goal: a probe is answered by what is in the books, and "not done" stays true for ever (R6).
 * Method: a participant over memory with a local and an external operation, asked in every order; the barrier as rows.
 */
import { refused, succeeded, type ProbeFinding, type Reply } from '@sagamore/engine';
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { command, replyOf, RuntimeRig, transactionOne, trusted } from '../../../test/support/runtime.js';
import type { Handler } from './handler.js';
import { inboxTopic, type CommandData, type Message } from './message.js';
import { operation } from './operation.js';
import { Participant } from './participant.js';
import { probeTypeOf, type ProbedData } from './probe.js';

interface Input {
  readonly no?: true;
}

const declared = { input: trusted<Input>(), output: trusted<unknown>() };
const take = operation('stock.take', { ...declared, undo: 'return' });
const order = operation('stock.order', { ...declared, undo: 'cancel', effect: 'external' });

let rig: RuntimeRig;
let answers: Message[];
let taken: number;
let calls: ((reply: Reply) => void)[];

beforeEach(() => {
  taken = 0;
  calls = [];
});

function handlers(): readonly Handler[] {
  const local = (half: 'action' | 'compensation'): Handler => ({
    effect: 'local',
    operation: take,
    half,
    handle: async (commands) =>
      commands.map(({ payload }) => {
        if ((payload as Input).no === true) return refused('out-of-stock');
        taken += half === 'action' ? 1 : -1;
        return succeeded({ shelf: 7 });
      }),
  });
  const external = (half: 'action' | 'compensation'): Handler => ({
    effect: 'external',
    operation: order,
    half,
    call: () => new Promise<Reply>((resolve) => calls.push(resolve)),
    record: async () => {},
  });
  return [local('action'), local('compensation'), external('action'), external('compensation')];
}

async function start(): Promise<void> {
  rig = new RuntimeRig();
  answers = await rig.listen(inboxTopic);
  const settings = { service: 'stock', owner: 'a', triesMax: 1, claimMs: 1_000, sweepMs: 100 };
  await new Participant(rig.process(), { ...settings, handlers: handlers() }).start();
}

const action = (payload: Input = {}, generation = 1) => command({ type: 'stock.take', payload, generation });
const undo = () =>
  command({ type: 'stock.return', half: 'compensation', payload: { input: {}, outcome: 'unknown' } });

function probe(generation = 1, attempt = 1): Message<CommandData> {
  const asked = command({ type: probeTypeOf('stock'), generation, attempt });
  return { ...asked, id: `${transactionOne}/a-step/probe/${generation}/${attempt}` };
}

/** Sends in one turn, hence one batch, and resolves with what came back. */
async function ask(...messages: readonly Message[]): Promise<readonly Message[]> {
  const from = answers.length;
  await rig.process().bus.send(messages);
  await rig.until(() => answers.length >= from + messages.length, 10);
  return answers.slice(from);
}

function findingOf(message: Message | undefined): ProbeFinding {
  if (message === undefined) throw new Error('no answer was heard');
  return (message.data as ProbedData).finding;
}

const seats = (): readonly string[] =>
  rig.store
    .committed<{ operation: string; generation: number; outcome: string }>('barrier')
    .map(([, row]) => `${row.operation}/${row.generation}/${row.outcome}`)
    .toSorted();

describe('ProbedBranches', () => {
  beforeEach(start);

  test('R6: what was done is found with its output, whatever the probe, and leaves no further row', async () => {
    await ask(action());
    const [found] = await ask(probe());
    expect(findingOf(found)).toEqual({ outcome: 'succeeded', output: { shelf: 7 } });
    expect(found).toMatchObject({ type: 'stock.probe.succeeded', key: transactionOne, partition: 0 });
    expect(seats()).toEqual(['action/1/succeeded']);
  });

  test('R6: what was refused is found refused', async () => {
    await ask(action({ no: true }));
    const [found] = await ask(probe());
    expect(findingOf(found)).toEqual({ outcome: 'refused', refusal: { code: 'out-of-stock' } });
  });

  test('R6: behind "not done" the action is late, and its undo finds nothing to undo', async () => {
    expect(findingOf((await ask(probe()))[0])).toEqual({ outcome: 'not-done' });
    expect(replyOf((await ask(action()))[0])).toEqual(refused('cancelled-before'));
    expect(replyOf((await ask(undo()))[0])).toMatchObject({ outcome: 'succeeded', empty: true });
    expect(taken).toBe(0);
    expect(findingOf((await ask(probe(1, 2)))[0])).toEqual({ outcome: 'not-done' });
  });

  test('R4, R6: "not done" holds for every generation in which the action was asked for', async () => {
    await ask(probe(3));
    expect(seats()).toEqual(['action/1/planted', 'action/2/planted', 'action/3/planted']);
    for (const generation of [1, 2, 3])
      expect(replyOf((await ask(action({}, generation)))[0])).toEqual(refused('cancelled-before'));
  });

  test('B96: a generation that nobody can have asked for takes no seats', async () => {
    expect(findingOf((await ask(probe(1_000_000_000)))[0])).toEqual({ outcome: 'not-yet' });
    expect(seats()).toEqual([]);
  });

  test('an action that comes in the same batch is done first, and probes of one branch agree', async () => {
    const [, ...found] = await ask(probe(), action(), probe(1, 2));
    expect(found.map(findingOf).map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded']);
    await start();
    const twice = await ask(probe(), probe(1, 2), probe(2));
    expect(twice.map(findingOf)).toEqual(Array.from({ length: 3 }, () => ({ outcome: 'not-done' })));
  });

  test('R6, R7: while a call may be under way a probe says "not yet", then what came of it', async () => {
    await rig.process().bus.send([command({ type: 'stock.order' })]);
    await rig.until(() => calls.length === 1);
    expect(findingOf((await ask(probe()))[0])).toEqual({ outcome: 'not-yet' });
    const asked = ask();
    calls[0]?.(succeeded({ number: 4 }));
    const answered = await asked;
    expect(answered).toEqual([]);
    await rig.until(() => answers.length === 2);
    expect(findingOf((await ask(probe(1, 2)))[0])).toEqual({ outcome: 'succeeded', output: { number: 4 } });
  });

  test('R6, R8: an intent that was never committed was never called, and never will be', async () => {
    expect(findingOf((await ask(probe()))[0])).toEqual({ outcome: 'not-done' });
    const [late] = await ask(command({ type: 'stock.order' }));
    expect(replyOf(late)).toEqual(refused('cancelled-before'));
    expect(calls).toHaveLength(0);
  });
});

test('R6: in whatever order and batches action, undo and probes come, a finding never turns out wrong', async () => {
  const kinds = fc.constantFrom('action', 'undo', 'probe');
  const batches = fc.array(fc.array(kinds, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(batches, async (drawn) => {
      taken = 0;
      await start();
      const messages = { action, undo, probe: () => probe() };
      const heard: Message[] = [];
      for (const batch of drawn) heard.push(...(await ask(...batch.map((kind) => messages[kind]()))));
      const findings = new Set(
        heard.flatMap(({ data }) =>
          'finding' in (data as object) ? [(data as ProbedData).finding.outcome] : [],
        ),
      );
      const wasDone = seats().includes('action/1/succeeded');
      expect(findings.has(wasDone ? 'not-done' : 'succeeded')).toBe(false);
      expect(taken).toBe(wasDone && !seats().some((seat) => seat.startsWith('compensation')) ? 1 : 0);
    }),
    { numRuns: 60 },
  );
});
