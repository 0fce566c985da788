/**
 * Goal: a function of the definition is run by the owner like a participant: after the commit, again after a crash, and
 * never in anybody's way. Method: orchestrators over the memory ports; the functions are the test's, and wait when told to.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { refused, saga, sagaProtocol, succeeded, type SagaDefinition } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import { Orchestration } from '../../../test/support/orchestration.js';
import { transactionOne, transactionThree, transactionTwo, trusted } from '../../../test/support/runtime.js';
import { Definitions } from './definitions.js';
import { operation } from './operation.js';

const charge = operation('card.charge', {
  input: trusted<number>(),
  output: trusted<unknown>(),
  undo: 'refund',
});
const retry = { attemptsMax: 3, baseMs: 10, maxMs: 20 };
const patience = { timeoutMs: 1_000, retry, undoRetry: retry };

interface Input {
  readonly pieces: number;
}

let house: Orchestration;

beforeEach(async () => {
  house = new Orchestration();
  await house.open();
});
afterEach(() => house.close());

const only = (...known: readonly SagaDefinition[]) =>
  new Definitions(known.map((each) => sagaProtocol(each)));

/** A saga that prices, then charges; `price` and `unprice` are the local functions. */
function pricing(price: (pieces: number) => unknown, unprice: () => unknown = () => {}) {
  return saga<Input>('pricing', { version: 1 })
    .local('price', ({ input }) => price(input.pieces), unprice, patience)
    .step('charge', charge, ({ results }) => Number(results.price), patience)
    .define();
}

describe('a local function', () => {
  test('S66: is run AFTER its transaction is stored, and its answer is the result of the step', async () => {
    let storedBefore = false;
    const definition = pricing((pieces) => {
      storedBefore = house.row(transactionOne) !== undefined;
      return pieces * 7;
    });
    const charged = await house.participate('card.commands', () => succeeded({}));
    await house.start('a', { definitions: only(definition) });
    await house.begin(transactionOne, 'pricing', { pieces: 3 });
    await house.reaches(transactionOne, 'completed');
    expect(charged.map(({ payload }) => payload)).toEqual([21]);
    expect(storedBefore).toBe(true);
  });

  test('a promise is waited for, and what the saga returns of it is stored and told; what is no JSON comes back as what the journal keeps of it', async () => {
    const definition = saga<Input>('dated', { version: 1 })
      .local('date', async () => Promise.resolve({ at: new Date(0), nothing: undefined }))
      .returns(({ results }) => results.date)
      .define();
    const facts = await house.rig.listen('transaction.events');
    await house.start('a', { definitions: only(definition) });
    await house.begin(transactionOne, 'dated');
    await house.reaches(transactionOne, 'completed');
    await house.rig.until(() => facts.length === 1, 10);
    const output = { at: '1970-01-01T00:00:00.000Z' };
    expect(house.row(transactionOne)).toMatchObject({ phase: 'final', output });
    expect(facts[0]).toMatchObject({ type: 'transaction.completed', data: { output } });
    expect(house.events(transactionOne)).toMatchObject([{ reply: succeeded(output) }]);
  });

  test('that refuses turns the saga around in its own words', async () => {
    await house.start('a', { definitions: only(pricing(() => refused('too-many'))) });
    await house.begin(transactionOne, 'pricing', { pieces: 3 });
    await house.reaches(transactionOne, 'compensated');
    expect(house.row(transactionOne)?.reason).toMatchObject({
      kind: 'refused',
      refusal: { code: 'too-many' },
    });
  });

  test('S79: that throws a fault is tried again if that may help; anything else it throws is a bug, told once', async () => {
    const bugs: string[] = [];
    let calls = 0;
    const flaky = pricing((pieces) => {
      calls++;
      if (pieces > 0 && calls < 3) throw new Fault('PROVIDER_UNAVAILABLE', 'away', { retryable: true });
      if (pieces > 0) return 1;
      throw new TypeError('a bug');
    });
    await house.participate('card.commands', () => succeeded({}));
    await house.start('a', { definitions: only(flaky), hooks: { onBug: (id) => void bugs.push(id) } });
    await house.begin(transactionOne, 'pricing', { pieces: 1 });
    await house.reaches(transactionOne, 'completed', 25);
    expect(calls).toBe(3);
    await house.begin(transactionTwo, 'pricing', { pieces: 0 });
    await house.reaches(transactionTwo, 'compensated', 25);
    expect(calls).toBe(4);
    expect(bugs).toEqual([transactionTwo]);
    const failure = { code: 'HANDLER_FAILED', retryable: false };
    expect(house.row(transactionTwo)?.reason).toMatchObject({ kind: 'failed', failure });
  });

  test('R9, S87: that never ends holds up nobody else, and no more run at once than are allowed', async () => {
    let running = 0;
    const slow = saga<Input>('slow', { version: 1 })
      .local('wait', () => new Promise<never>(() => void running++), undefined, patience)
      .define();
    const brief = saga<Input>('brief', { version: 1 })
      .step('charge', charge, () => 1, patience)
      .define();
    await house.participate('card.commands', () => succeeded({}));
    const { die } = await house.start('a', { definitions: only(slow, brief), more: { localsMax: 1 } });
    await house.begin(transactionOne, 'slow');
    await house.begin(transactionTwo, 'slow');
    await house.begin(transactionThree, 'brief');
    await house.reaches(transactionThree, 'completed');
    expect(running).toBe(1);
    await house.rig.until(() => running > 1, 100);
    die();
  });

  test('S18, S29: that was running when its owner died is run again by the next one', async () => {
    const calls: string[] = [];
    const definitions = (owner: string) =>
      only(
        pricing(() => {
          calls.push(owner);
          return owner === 'a' ? new Promise<never>(() => {}) : 5;
        }),
      );
    const charged = await house.participate('card.commands', () => succeeded({}));
    const first = await house.start('a', { definitions: definitions('a') });
    await house.begin(transactionOne, 'pricing', { pieces: 3 });
    await house.rig.until(() => calls.length === 1);
    first.die();
    await house.start('b', { definitions: definitions('b') });
    await house.reaches(transactionOne, 'completed');
    expect(calls).toEqual(['a', 'b']);
    expect(charged.map(({ payload }) => payload)).toEqual([5]);
  });

  test('R8: is not overtaken by its undo while it runs, and a late answer still counts', async () => {
    const story: string[] = [];
    const { promise, resolve } = Promise.withResolvers<number>();
    const definition = saga<Input>('pricing', { version: 1 })
      .parallel((group) =>
        group
          .chain((side) =>
            side.local(
              'price',
              async () => {
                story.push('price begins');
                await promise;
                story.push('price ends');
                return 1;
              },
              ({ outcome }) => void story.push(`undo of ${outcome}`),
              { ...patience, timeoutMs: 60_000 },
            ),
          )
          .step('charge', charge, () => 1, patience),
      )
      .define();
    const charged = await house.participate('card.commands', () => refused('declined'));
    await house.start('a', { definitions: only(definition) });
    await house.begin(transactionOne, 'pricing');
    await house.reaches(transactionOne, 'compensating');
    expect(charged).toHaveLength(1);
    resolve(1);
    await house.reaches(transactionOne, 'compensated');
    expect(story).toEqual(['price begins', 'price ends', 'undo of succeeded']);
  });

  test('S16: whose time is over is undone as unknown, and its undo waits until nobody waits for it any more', async () => {
    const story: string[] = [];
    const definition = pricing(
      () => {
        story.push('price');
        return new Promise<never>(() => {});
      },
      () => void story.push('unprice'),
    );
    const { die } = await house.start('a', { definitions: only(definition) });
    await house.begin(transactionOne, 'pricing', { pieces: 1 });
    await house.reaches(transactionOne, 'compensated', 50);
    expect(story).toEqual(['price', 'price', 'price', 'unprice']);
    die();
  });

  test('R10: whose shard was taken meanwhile is heard by nobody', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const isFirst = { yet: true };
    const definition = pricing(() => {
      if (!isFirst.yet) return 2;
      isFirst.yet = false;
      return promise;
    });
    const charged = await house.participate('card.commands', () => undefined);
    const first = await house.start('a', { definitions: only(definition) });
    await house.begin(transactionOne, 'pricing', { pieces: 1 });
    await house.rig.until(() => !isFirst.yet);
    await first.journal.take(0, 'b', 2);
    resolve(1);
    await house.rig.settle();
    expect([house.events(transactionOne), charged]).toEqual([[], []]);
  });

  test('I40: is waited for when its process stops, and what it answered is kept', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    let isRunning = false;
    const definition = pricing(() => {
      isRunning = true;
      return promise;
    });
    const { coordinator } = await house.start('a', { definitions: only(definition) });
    await house.begin(transactionOne, 'pricing', { pieces: 1 });
    await house.rig.until(() => isRunning);
    const stopping = coordinator.stop();
    resolve(1);
    await stopping;
    expect(house.events(transactionOne)).toMatchObject([{ type: 'replied', branchId: 'price' }]);
  });
});
