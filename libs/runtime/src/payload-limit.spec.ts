/**
 * Goal: what is too large is refused before it happens, or shrunk after, and no transaction gets stuck because of its size
 * (S105). Method: the measure against the real text; then orchestrators over the memory ports, fed with what is too large.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { failed, refused, saga, sagaProtocol, succeeded, type SagaDefinition } from '@sagamore/engine';
import fc from 'fast-check';
import { Orchestration } from '../../../test/support/orchestration.js';
import { transactionOne, trusted } from '../../../test/support/runtime.js';
import { childIdOf } from './children.js';
import { Definitions } from './definitions.js';
import { operation } from './operation.js';
import { bounded, fits, payloadBytesMax } from './payload-limit.js';

const large = 'x'.repeat(payloadBytesMax);
const patience = { timeoutMs: 1_000, retry: { attemptsMax: 2, baseMs: 10, maxMs: 20 } };

describe('the measure', () => {
  test('counts the bytes of the JSON text, to the byte', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const bytes = Buffer.byteLength(JSON.stringify(value));
        // {"value":…,"rest":"…"} exactly at the limit, and one byte beyond.
        const rest = (more: number) => 'x'.repeat(payloadBytesMax - bytes - 20 + more);
        expect(Buffer.byteLength(JSON.stringify({ value, rest: rest(0) }))).toBe(payloadBytesMax);
        expect(fits({ value, rest: rest(0) })).toBe(true);
        expect(fits({ value, rest: rest(1) })).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  test('a reply that is too large keeps what can be kept of it', () => {
    expect(bounded('action', succeeded(large))).toMatchObject({ failure: { code: 'PAYLOAD_TOO_LARGE' } });
    expect(bounded('compensation', succeeded(large))).toEqual(succeeded(null));
    expect(bounded('action', refused('no', { large }))).toEqual(refused('no'));
    const failure = { code: 'AWAY', message: large, retryable: true };
    expect(bounded('action', failed(failure))).toEqual(failed({ ...failure, message: 'x'.repeat(1_000) }));
  });
});

describe('S105: a transaction of which', () => {
  let house: Orchestration;
  let asked: readonly { readonly operation: string }[];
  let answer: unknown;

  const work = operation('stock.do', { input: trusted<unknown>(), output: trusted<unknown>(), undo: 'undo' });
  const only = (...known: readonly SagaDefinition[]) =>
    new Definitions(known.map((each) => sagaProtocol(each)));
  const plain = saga<{ n: number }>('plain', { version: 1 })
    .step('do', work, () => 1, patience)
    .returns(({ input }) => ({ text: input.n > 1 ? large : '' }))
    .define();

  beforeEach(async () => {
    house = new Orchestration();
    await house.open();
    answer = 'done';
    asked = await house.participate('stock.commands', ({ operation: half }) =>
      succeeded(half === 'action' ? answer : {}),
    );
  });
  afterEach(() => house.close());

  test('the input is too large never begins, and its start is a dead letter that says why', async () => {
    const letters = await house.rig.listen('orchestrator.inbox.dead-letters');
    await house.start('a', { definitions: only(plain) });
    await house.begin(transactionOne, 'plain', { large });
    await house.rig.until(() => letters.length === 1);
    expect(letters[0]).toMatchObject({
      data: { reason: expect.stringContaining('larger than 262144 bytes') },
    });
    expect([house.rows, asked]).toEqual([[], []]);
  });

  test('a step’s input grows too large is refused there, before it is sent, and undone', async () => {
    const growing = saga('growing', { version: 1 })
      .step('do', work, () => 1, patience)
      .step('grow', work, () => large, patience)
      .define();
    await house.start('a', { definitions: only(growing) });
    await house.begin(transactionOne, 'growing');
    await house.reaches(transactionOne, 'compensated');
    const refusal = { code: 'payload-too-large' };
    expect(house.row(transactionOne)?.reason).toMatchObject({ kind: 'refused', branchId: 'grow', refusal });
    expect(asked.map(({ operation: half }) => half)).toEqual(['action', 'compensation']);
  });

  test('the very first step’s input is too large is undone at once, and nobody was asked', async () => {
    const growing = saga('growing', { version: 1 })
      .step('grow', work, () => large, patience)
      .define();
    await house.start('a', { definitions: only(growing) });
    await house.begin(transactionOne, 'growing');
    await house.reaches(transactionOne, 'compensated');
    expect(asked).toEqual([]);
  });

  test('a participant answers too much is undone from its input, and the answer is not kept', async () => {
    answer = large;
    await house.start('a', { definitions: only(plain) });
    await house.begin(transactionOne, 'plain');
    await house.reaches(transactionOne, 'compensated');
    expect(house.row(transactionOne)?.reason).toMatchObject({ failure: { code: 'PAYLOAD_TOO_LARGE' } });
    expect(JSON.stringify(house.events(transactionOne)).length).toBeLessThan(2_000);
  });

  test('the output is too large completes, and its row and its announcement go without', async () => {
    const facts = await house.rig.listen('transaction.events');
    await house.start('a', { definitions: only(plain) });
    await house.begin(transactionOne, 'plain', { n: 2 });
    await house.reaches(transactionOne, 'completed');
    await house.rig.until(() => facts.length === 1, 10);
    expect(house.row(transactionOne)).not.toHaveProperty('output');
    expect(facts[0]?.data).not.toHaveProperty('output');
  });

  test('a child returns too much undoes that child, which has completed', async () => {
    const parent = saga('parent', { version: 1 })
      .subSaga('child', plain, () => ({ n: 2 }), patience)
      .define();
    await house.start('a', { definitions: only(parent, plain) });
    await house.begin(transactionOne, 'parent');
    await house.reaches(transactionOne, 'compensated');
    expect(house.row(transactionOne)?.reason).toMatchObject({ failure: { code: 'PAYLOAD_TOO_LARGE' } });
    expect(house.row(childIdOf(transactionOne, 'child'))?.status).toBe('compensated');
  });
});
