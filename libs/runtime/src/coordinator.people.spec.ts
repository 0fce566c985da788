/**
 * Goal: what people and customers want of a running transaction happens once, in the order of the store's clock, and is
 * never lost. Method: orchestrators over the memory ports; wishes come through a door of their own, as a request's would.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { refused, saga, sagaProtocol, succeeded, type Protocol, type Reply } from '@sagamore/engine';
import { Orchestration } from '../../../test/support/orchestration.js';
import { transactionOne, transactionTwo, trusted } from '../../../test/support/runtime.js';
import type { DeclaredProtocol } from './declared-protocol.js';
import { Definitions } from './definitions.js';
import type { CommandData } from './message.js';
import { operation } from './operation.js';
import { cancelMessage, type Wanted } from './wish.js';

const take = operation('stock.take', {
  input: trusted<unknown>(),
  output: trusted<unknown>(),
  undo: 'return',
});
const ship = operation('stock.ship', { input: trusted<unknown>(), output: trusted<unknown>() });
const retry = { attemptsMax: 3, baseMs: 10, maxMs: 20 };
const patience = { timeoutMs: 1_000, retry, undoRetry: { ...retry, attemptsMax: 1 } };

const trip = saga<unknown>('trip', { version: 1 })
  .step('take', take, () => 1, patience)
  .approval('manager', { deadlineMs: 5_000 })
  .step('pay', take, ({ results }) => results.manager.by ?? 'nobody', patience)
  .define();
const order = saga<unknown>('order', { version: 1 })
  .step('take', take, () => 1, patience)
  .step('ship', ship, () => 1, { ...patience, pivot: true })
  .define();

const yes = { approved: true, by: 'eve' };
const says = (payload: unknown, id = 's-1', name = 'manager'): Wanted => {
  return { type: 'signal-received', name, id, payload };
};
const cancelled: Wanted = { type: 'cancel-requested' };
const charge = { branchId: 'take', operation: 'action' } as const;

let house: Orchestration;
let asked: readonly CommandData[];
/** What stock answers; silence where it answers nothing. */
let answer: (command: CommandData) => Reply | undefined;

beforeEach(async () => {
  house = new Orchestration();
  await house.open();
  answer = () => succeeded({});
  asked = await house.participate('stock.commands', (command) => answer(command));
});
afterEach(() => house.close());

const known = (...protocols: readonly Protocol[]) =>
  new Definitions(protocols.length > 0 ? protocols : [sagaProtocol(trip), sagaProtocol(order)]);

async function started(name: string, id = transactionOne) {
  const orchestrator = await house.start('a', { definitions: known(), more: { wishSweepMs: 3_000 } });
  await house.begin(id, name);
  return orchestrator;
}

/** Started, and everything done that nobody has to be waited for. */
async function waiting(name = 'trip') {
  const orchestrator = await started(name);
  await house.rig.until(() => house.events(transactionOne).length === 1);
  return orchestrator;
}

const halves = () => asked.map(({ branchId, operation: half }) => `${branchId} ${half}`);
const outcomeOf = async (wanted: Wanted) => (await house.wish(transactionOne, wanted)).outcome;
const words = (type: string) => house.events(transactionOne).filter((event) => event.type === type);

describe('a cancellation', () => {
  test('S31: stops what goes forward and undoes it; a second one changes nothing and is told so', async () => {
    await waiting();
    expect(await outcomeOf(cancelled)).toBe('accepted');
    await house.reaches(transactionOne, 'compensated');
    expect(halves()).toEqual(['take action', 'take compensation']);
    expect(await house.wish(transactionOne, cancelled)).toMatchObject({ outcome: 'declined', why: 'ended' });
    expect(words('cancel-requested')).toMatchObject([{ actor: 'ann', reason: 'seen to' }]);
  });

  test('S31: one that comes while everything is being undone is declined', async () => {
    answer = ({ operation: half }) => (half === 'action' ? succeeded({}) : undefined);
    await waiting();
    await outcomeOf(cancelled);
    await house.reaches(transactionOne, 'compensating');
    expect(await house.wish(transactionOne, cancelled)).toMatchObject({
      why: 'nothing-to-do',
      standing: { status: 'compensating' },
    });
  });

  test('S109: one that comes after the pivot was asked for is too late', async () => {
    answer = ({ branchId }) => (branchId === 'take' ? succeeded({}) : undefined);
    await started('order');
    await house.rig.until(() => asked.length === 2);
    expect(await house.wish(transactionOne, cancelled)).toMatchObject({ why: 'too-late' });
  });

  test("S33: a service's cancellation that races with the last answer leads to one end, whichever is first", async () => {
    answer = () => undefined;
    await started('order', transactionOne);
    await house.begin(transactionTwo, 'order');
    await house.rig.until(() => asked.length === 2);
    answer = () => succeeded({});
    const cancel = (transactionId: string) =>
      cancelMessage({ transactionId, actor: 'order', reason: 'asked' }, { source: 'order', shard: 0, at: 1 });
    const reply = (transactionId: string) => house.replyTo(transactionId, 'take', succeeded({}));
    await house.send(cancel(transactionOne), reply(transactionOne));
    await house.send(reply(transactionTwo), cancel(transactionTwo));
    await house.reaches(transactionOne, 'compensated', 100);
    await house.reaches(transactionTwo, 'completed', 100);
    expect(house.events(transactionTwo).map(({ type }) => type)).not.toContain('cancel-requested');
  });

  test('S31: one that comes together with its start is not lost', async () => {
    await house.start('a', { definitions: known() });
    const about = { transactionId: transactionOne, actor: 'order', reason: 'asked' };
    const data = { transactionId: transactionOne, definition: 'trip', input: {} };
    const start = {
      ...cancelMessage(about, { source: 'order', shard: 0, at: 1 }),
      type: 'transaction.start',
      data,
    };
    await house.send(start, cancelMessage(about, { source: 'order', shard: 0, at: 1 }));
    await house.reaches(transactionOne, 'compensated');
  });
});

test('S32: a termination sends nothing, ends at once, and names who gave up what', async () => {
  await waiting();
  const before = asked.length;
  expect(await outcomeOf({ type: 'terminate-requested' })).toBe('accepted');
  await house.reaches(transactionOne, 'terminated');
  expect(asked).toHaveLength(before);
  expect(house.row(transactionOne)?.reason).toEqual({
    kind: 'terminated',
    actor: 'ann',
    because: 'seen to',
    abandoned: ['take'],
  });
});

describe('a signal', () => {
  test('S39: that comes before the wait is reached is kept, and delivered at once', async () => {
    answer = () => undefined;
    await started('trip');
    await house.rig.until(() => asked.length === 1);
    expect(await outcomeOf(says(yes))).toBe('accepted');
    await house.rig.until(() => words('signal-received').length === 1);
    await house.send(house.replyTo(transactionOne, 'take', succeeded({})));
    await house.rig.until(() => asked.length === 2);
    expect(asked[1]).toMatchObject({ branchId: 'pay', payload: 'eve' });
  });

  test('S40: that comes twice is delivered once and answered alike, also after the end', async () => {
    await waiting();
    expect([await outcomeOf(says(yes)), await outcomeOf(says(yes))]).toEqual(['accepted', 'accepted']);
    await house.reaches(transactionOne, 'completed');
    expect(await outcomeOf(says(yes))).toBe('accepted');
    expect(await outcomeOf(says({ approved: false }))).toBe('id-reused');
    expect(words('signal-received')).toHaveLength(1);
  });

  test('S41: the second of two answers to one question is told how it was settled', async () => {
    await waiting();
    await outcomeOf(says(yes, 's-1'));
    await house.reaches(transactionOne, 'completed');
    expect(await house.wish(transactionOne, says({ approved: false }, 's-2'))).toMatchObject({
      why: 'ended',
      standing: { status: 'completed' },
    });
  });

  test('S41: of two answers at the same moment one is taken, the other is told that it came too late', async () => {
    await waiting();
    const both = await Promise.all([
      house.wish(transactionOne, says(yes, 's-1'), true),
      house.wish(transactionOne, says({ approved: false }, 's-2'), true),
    ]);
    expect(both).toMatchObject([{ outcome: 'accepted' }, { outcome: 'declined', why: 'too-late' }]);
    await house.reaches(transactionOne, 'completed', 25);
  });

  test('S34, S41: saved before the deadline it wins, however late its owner hears of it', async () => {
    await waiting();
    await house.rig.clock.advanceAsync(4_900);
    expect((await house.wish(transactionOne, says(yes), true)).outcome).toBe('accepted');
    await house.reaches(transactionOne, 'completed', 25);
    const [heard] = words('signal-received');
    const deadline = house.events(transactionOne)[0]!.at + 5_000;
    expect(heard).toMatchObject({ recordedAt: expect.any(Number) });
    expect(heard?.type === 'signal-received' && (heard.recordedAt ?? 0)).toBeLessThan(deadline);
  });

  test('S34, S41: saved after the deadline it loses, and is told so, though nobody has let time pass', async () => {
    const { die } = await waiting();
    die();
    await house.rig.clock.advanceAsync(5_001);
    expect(await house.wish(transactionOne, says(yes))).toMatchObject({
      outcome: 'declined',
      why: 'too-late',
    });
    await house.start('b', { definitions: known() });
    await house.reaches(transactionOne, 'compensated', 100);
    expect(await house.wish(transactionOne, says(yes, 's-2'))).toMatchObject({
      why: 'ended',
      standing: { status: 'compensated', reason: { kind: 'timed-out', branchId: 'manager' } },
    });
  });

  test('of a name that the definition never waits for, or for nobody, is not taken', async () => {
    await waiting();
    expect(await house.wish(transactionOne, says(yes, 's-1', 'boss'))).toMatchObject({ why: 'not-awaited' });
    expect(await house.wish(transactionTwo, says(yes))).toEqual({ outcome: 'unknown' });
  });

  test('is checked by the schema that the definition has for it', async () => {
    const checked: DeclaredProtocol = {
      ...sagaProtocol(trip),
      schemas: { signals: { manager: onlyObjects } },
    };
    await house.start('a', { definitions: known(checked) });
    await house.begin(transactionOne, 'trip');
    await house.rig.until(() => house.events(transactionOne).length === 1);
    expect(await house.wish(transactionOne, says('yes'))).toMatchObject({ outcome: 'invalid' });
    expect(await outcomeOf(says(yes))).toBe('accepted');
  });

  test('R2: is not lost with a bug that it meets', async () => {
    let isBroken = true;
    const fragile = saga<unknown>('trip', { version: 1 })
      .step('take', take, () => 1, patience)
      .approval('manager', { deadlineMs: 5_000 })
      .step('pay', take, () => {
        if (isBroken) throw new TypeError('a bug');
        return 1;
      })
      .define();
    const definitions = known(sagaProtocol(fragile));
    await house.start('a', { definitions, more: { wishSweepMs: 3_000 } });
    await house.begin(transactionOne, 'trip');
    await house.rig.until(() => house.events(transactionOne).length === 1);
    await outcomeOf(says(yes));
    await house.reaches(transactionOne, 'parked');
    await house.rig.until(() => words('signal-received').length === 1, 100);
    isBroken = false;
    await house.resume(transactionOne);
    await house.reaches(transactionOne, 'completed', 25);
  });
});

describe('repair', () => {
  const skipped: Wanted = { type: 'operator-skipped', ...charge };
  const set: Wanted = { type: 'operator-set-result', ...charge, output: 'by hand' };

  test('S94: of two people who settle one half at the same time one acts, the other learns that it was asked for', async () => {
    answer = () => undefined;
    await started('trip');
    await house.rig.until(() => asked.length === 1);
    const answers = await Promise.all(
      [skipped, set, set].map((wanted) => house.wish(transactionOne, wanted, true)),
    );
    const declines = answers.flatMap((each) => (each.outcome === 'declined' ? [each.why] : []));
    expect(declines).toEqual(['asked-already', 'asked-already']);
    await house.rig.until(() => house.events(transactionOne).length === 1, 100);
    await house.rig.settle();
    expect(house.events(transactionOne)).toHaveLength(1);
  });

  test('S94: what was settled is not settled again, and one who decided upon an older version is told the present one', async () => {
    answer = ({ branchId }) => (branchId === 'pay' ? undefined : succeeded({}));
    await waiting();
    expect(await house.wish(transactionOne, set)).toMatchObject({ why: 'nothing-to-do', version: 1 });
    expect(await house.wish(transactionOne, cancelled, false, 0)).toMatchObject({
      why: 'moved-on',
      version: 1,
    });
    expect(await house.wish(transactionOne, cancelled, false, 1)).toMatchObject({ outcome: 'accepted' });
  });

  test('S94: resumed twice it goes on once, under the next generation', async () => {
    answer = ({ operation: half, generation }) =>
      half === 'action' || generation > 1 ? succeeded({}) : refused('gone');
    await waiting();
    await outcomeOf(cancelled);
    await house.reaches(transactionOne, 'parked');
    const resumed: Wanted = { type: 'operator-resumed' };
    const both = await Promise.all([
      house.wish(transactionOne, resumed),
      house.wish(transactionOne, resumed),
    ]);
    expect(both.filter(({ outcome }) => outcome === 'accepted')).toHaveLength(1);
    await house.reaches(transactionOne, 'compensated');
    expect(words('operator-resumed')).toHaveLength(1);
    expect(asked.at(-1)).toMatchObject({ operation: 'compensation', generation: 2 });
  });

  test('S96: a paused transaction learns and sends nothing; resumed, what fell due meanwhile falls due once', async () => {
    answer = () => undefined;
    await started('trip');
    await house.rig.until(() => asked.length === 1);
    await outcomeOf({ type: 'operator-paused' });
    await house.rig.until(() => words('operator-paused').length === 1);
    expect(await house.wish(transactionOne, { type: 'operator-paused' })).toMatchObject({
      why: 'nothing-to-do',
    });
    await house.send(house.replyTo(transactionOne, 'take', succeeded({})));
    await house.rig.clock.advanceAsync(60_000);
    expect(house.events(transactionOne).map(({ type }) => type)).toEqual(['operator-paused', 'replied']);
    expect(asked).toHaveLength(1);
    await house.resume(transactionOne);
    answer = () => succeeded({});
    await house.reaches(transactionOne, 'compensated', 100);
    expect(words('time-passed')).toHaveLength(1);
  });
});

describe('R13: a wish that was taken', () => {
  test('is carried out once though its message was lost, and repeated', async () => {
    await waiting();
    expect((await house.wish(transactionOne, cancelled, true)).outcome).toBe('accepted');
    expect(await house.wish(transactionOne, cancelled)).toMatchObject({ why: 'asked-already' });
    await house.reaches(transactionOne, 'compensated', 100);
    await house.hint(transactionOne);
    await house.rig.settle();
    expect(words('cancel-requested')).toHaveLength(1);
  });

  test('is carried out by the next owner when the one who should have heard it died', async () => {
    const { die } = await waiting();
    die();
    expect((await house.wish(transactionOne, cancelled, true)).outcome).toBe('accepted');
    await house.start('b', { definitions: known(), more: { wishSweepMs: 3_000 } });
    await house.reaches(transactionOne, 'compensated', 100);
  });

  test('B96: what somebody writes to the topic as if it were one does nothing', async () => {
    await waiting();
    await house.hint(transactionOne, { wanted: { type: 'terminate-requested' }, actor: 'eve', reason: 'x' });
    await house.rig.settle();
    expect(house.row(transactionOne)?.status).toBe('executing');
    expect(house.events(transactionOne)).toHaveLength(1);
  });
});

describe('S36: a transaction whose start was accepted and that has not begun', () => {
  const begins = () => house.start('a', { definitions: known(), more: { wishSweepMs: 3_000 } });

  test('S39: hears the signal that came before it began, though both messages were lost', async () => {
    const id = await house.accept(sagaProtocol(trip));
    expect(await house.wish(id, says(yes), true)).toEqual({ outcome: 'accepted', version: 0 });
    await begins();
    await house.reaches(id, 'completed', 100);
    expect(house.events(id).filter(({ type }) => type === 'signal-received')).toHaveLength(1);
    expect(asked.at(-1)).toMatchObject({ branchId: 'pay', payload: 'eve' });
  });

  test('S39: hears in the batch that begins it what was said before', async () => {
    const id = await house.accept(sagaProtocol(trip));
    await house.wish(id, says(yes), true);
    await house.start('a', { definitions: known() });
    await house.beginAndHint(id, 'trip');
    await house.reaches(id, 'completed');
  });

  test('S31: is cancelled once, though nobody had begun it', async () => {
    const id = await house.accept(sagaProtocol(trip));
    expect((await house.wish(id, cancelled, true)).outcome).toBe('accepted');
    expect(await house.wish(id, cancelled)).toMatchObject({ outcome: 'declined', why: 'asked-already' });
    await begins();
    await house.reaches(id, 'compensated', 100);
  });

  test('is judged as it will begin: what no definition waits for is not taken, and nobody is 404 but who was never accepted', async () => {
    const id = await house.accept(sagaProtocol(trip));
    expect(await house.wish(id, says(yes, 's-1', 'boss'))).toMatchObject({ why: 'not-awaited', version: 0 });
    expect(await house.wish(id, cancelled, false, 3)).toMatchObject({ why: 'moved-on' });
    expect(await house.wish(transactionTwo, cancelled)).toEqual({ outcome: 'unknown' });
  });
});

/** A schema that takes objects alone. */
const onlyObjects = {
  '~standard': {
    version: 1 as const,
    vendor: 'sagamore',
    validate: (value: unknown) =>
      typeof value === 'object' ? { value } : { issues: [{ message: 'expected an object' }] },
  },
};
