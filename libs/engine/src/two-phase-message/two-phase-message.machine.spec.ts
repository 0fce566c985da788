/**
 * Goal: the message is delivered if, and only if, the sender's local transaction committed, whoever dies when.
 * Method: facts as data in, state and commands as data out; then many runs, each against a sender in miniature whose
 * local transaction begins, commits, rolls back or is asked at any moment.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { BarrierRow } from '../barrier/barrier.js';
import { replay } from '../machine.js';
import type { Operation } from '../operation.js';
import * as example from '../round/round.example.js';
import {
  allSends,
  bug,
  inWords,
  live,
  moves,
  passed,
  resumed,
  says,
  start,
  storedOf,
} from '../round/round.example.js';
import type { TransactionEvent } from '../transaction.js';
import { committedMarker, judgeCheckBack, mayBegin, plantedNo } from './check-back.js';
import { twoPhaseMessage } from './two-phase-message.definition.js';
import { twoPhaseMessageMachine as machine } from './two-phase-message.machine.js';
import { twoPhaseMessageProtocol } from './two-phase-message.protocol.js';

const operationOf = (name: string): Operation<unknown, unknown> => ({
  participant: `${name}-service`,
  action: `${name}.do`,
  effect: 'local',
});
const announce = twoPhaseMessage<unknown>('announce', { version: 1 })
  .sender('order', operationOf('order'), {
    checkBackAfterMs: 5_000,
    timeoutMs: 1_000,
    retry: { attemptsMax: 2 },
  })
  .deliver('a', operationOf('a'), () => ({ of: 'a' }), { timeoutMs: 1_000, retry: { attemptsMax: 2 } })
  .deliver('b', operationOf('b'), () => ({ of: 'b' }), { timeoutMs: 1_000, retry: { attemptsMax: 2 } })
  .define();
const tell = (...events: readonly TransactionEvent[]) => example.tell(machine, announce, ...events);
const standing = (...events: readonly TransactionEvent[]) =>
  twoPhaseMessageProtocol(announce).standing(tell(...events).state);
const submitted = says('action order', 'done');
const delivered = [says('action a', 'done'), says('action b', 'done')];

describe('a message', () => {
  test('that is announced asks nobody: the sender has its time to speak', () => {
    const { state, commands } = tell();
    expect([state.status, commands, machine.dueAt(announce, state)]).toEqual(['prepared', [], 5_000]);
    expect(machine.outstanding(announce, state)).toEqual([]);
  });

  test('that is submitted is delivered to all at once, and never asked about', () => {
    expect(tell(submitted).commands).toEqual(['action a', 'action b']);
    expect(tell(submitted, ...delivered).all).toEqual(['action a', 'action b', 'announce delivered']);
  });

  test('that is taken back is discarded', () => {
    const { state, commands } = tell(says('action order', 'refused'));
    expect(commands).toEqual(['announce discarded']);
    expect(state).toMatchObject({ status: 'discarded', reason: { kind: 'refused', branchId: 'order' } });
    expect(tell(says('action order', 'refused'), submitted).commands).toEqual([]);
  });

  test('S74: whose sender died before it could submit is asked about, and delivered', () => {
    const asked = tell(passed(5_000));
    expect(asked.raw).toMatchObject([
      { messageType: 'order.do', participant: 'order-service', attempt: 1, payload: start.input },
    ]);
    expect(tell(passed(5_000), submitted).commands).toEqual(['action a', 'action b']);
  });

  test('S75: whose sender says not yet is asked again, and no attempt is spent', () => {
    const polls = [1, 2, 3, 4].flatMap((n) => [
      says('action order', 'busy', { at: 5_000 + n * 2_000 }),
      passed(6_000 + n * 2_000),
    ]);
    expect(tell(passed(5_000), ...polls).commands).toEqual(['action order']);
  });

  test('S75: whose sender is silent is never discarded for it: a person is asked', () => {
    const silence = [passed(5_000), passed(6_000, 6_100), passed(6_100), passed(7_100)];
    expect(standing(...silence)).toMatchObject({ phase: 'parked', reason: { kind: 'timed-out' } });
    expect(tell(...silence, resumed(8_000)).commands).toEqual(['action order generation 2']);
  });

  test('is delivered until done; one that is refused parks, when the others are done', () => {
    const refused = [submitted, says('action a', 'refused'), says('action b', 'done')];
    expect(standing(...refused)).toMatchObject({
      phase: 'parked',
      reason: { kind: 'refused', branchId: 'a' },
    });
    expect(tell(...refused, resumed()).commands).toEqual(['action a generation 2']);
    const failing = [submitted, says('action a', 'failed', { at: 10, retryAt: 20 }), passed(20)];
    expect(tell(...failing).commands).toEqual(['action a attempt 2']);
  });

  test('R2: that a bug has stopped goes on when a person says so', () => {
    expect(tell(bug()).commands).toEqual(['announce parked']);
    expect(tell(submitted, bug(), resumed()).commands).toEqual(['action a', 'action b']);
  });

  test('has a story for people that begins when somebody was asked', () => {
    const lines = (...events: readonly TransactionEvent[]) =>
      twoPhaseMessageProtocol(announce)
        .timeline(start, events)
        .map(({ name, outcome }) => `${name}: ${outcome}`);
    expect(lines()).toEqual([]);
    expect(lines(passed(5_000))).toEqual(['order: pending']);
    expect(lines(passed(5_000), submitted)).toEqual(['order: succeeded', 'a: pending', 'b: pending']);
  });
});

describe('a definition', () => {
  const begun = () => twoPhaseMessage<unknown>('announce', { version: 1 });

  test('names every service, and its defaults are patient with the sender', () => {
    expect(twoPhaseMessageProtocol(announce).participants).toEqual([
      'order-service',
      'a-service',
      'b-service',
    ]);
    const { sender, checkBackAfterMs } = begun()
      .sender('order', operationOf('order'))
      .deliver('a', operationOf('a'), (input) => input)
      .define();
    expect([sender.retry.attemptsMax, checkBackAfterMs]).toEqual([10, 10_000]);
  });

  test.each([
    ['a delivery under the name of the sender', 'order', 1_000, /used twice/],
    ['no time to speak', 'a', 0, /checkBackAfterMs is positive/],
    ['a name that is not kebab-case', 'A', 1_000, /kebab-case/],
  ])('with %s is refused', (_what, name, checkBackAfterMs, message) => {
    const told = begun()
      .sender('order', operationOf('order'), { checkBackAfterMs })
      .deliver(name, operationOf('a'), (input) => input);
    expect(() => told.define()).toThrow(message);
  });
});

describe('the marker', () => {
  test('S74: of a transaction that committed says so', () => {
    expect(judgeCheckBack({ found: [committedMarker], isOpen: false })).toBe('committed');
  });

  test('S75: of a transaction that is open is no no', () => {
    expect(judgeCheckBack({ found: [], isOpen: true })).toBe('not-yet');
    expect(judgeCheckBack({ found: [{ ...committedMarker, outcome: 'claimed' }], isOpen: false })).toBe(
      'not-yet',
    );
  });

  test('S76: that is not there is planted, and the transaction that comes later may not begin', () => {
    expect(judgeCheckBack({ found: [], isOpen: false })).toBe('plant');
    expect(judgeCheckBack({ found: [plantedNo], isOpen: false })).toBe('rolled-back');
    expect([mayBegin([]), mayBegin([plantedNo]), mayBegin([committedMarker])]).toEqual([true, false, false]);
  });
});

describe('for every run', () => {
  const numRuns = 1_000;
  const step = fc.constantFrom(
    'begin',
    'commit',
    'roll back',
    'submit',
    'check back',
    'wait',
    'crash' as const,
  );

  test('S74, S75, S76: delivered only what was committed, discarded only what never will be', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { state, committed, isOpen } = run(steps);
        seen.add(state.status);
        if (state.status === 'delivering' || state.status === 'delivered') expect(committed).toBe(true);
        if (state.status === 'discarded') expect([committed, isOpen]).toEqual([false, false]);
      }),
      { numRuns: 2 * numRuns },
    );
    expect([...seen]).toEqual(expect.arrayContaining(['prepared', 'delivering', 'discarded']));
  });

  test('S29: a host that takes over stands where the other stood, and whatever is told ends only once', () => {
    fc.assert(
      fc.property(fc.array(moves, { maxLength: 50 }), (drawn) => {
        const moments = live(machine, announce, drawn);
        expect(replay(machine, announce, start, storedOf(moments))).toEqual(moments.at(-1)!.state);
        const ends = new Set(moments.map(({ state }) => state.status).filter((s) => s.endsWith('ed')));
        expect(ends.has('delivered') && ends.has('discarded')).toBe(false);
        const toldOf = allSends(moments).some(({ branchId }) => branchId === 'a');
        expect(toldOf && ends.has('discarded')).toBe(false);
      }),
      { numRuns },
    );
  });

  /** A sender in miniature beside the machine. Its transaction writes its marker first, so that a question which comes
   *  while it is open waits for the key, and times out. */
  function run(steps: readonly string[]) {
    let { state } = machine.begin(announce, start);
    const events: TransactionEvent[] = [];
    const sender = { isOpen: false, rows: [] as BarrierRow[] };
    const hear = (event: TransactionEvent) => {
      events.push(event);
      ({ state } = machine.transition(announce, state, event));
    };
    const committed = () => sender.rows.some(({ outcome }) => outcome === 'succeeded');
    steps.forEach((what, index) => {
      const at = index * 10_000;
      if (what === 'begin') sender.isOpen ||= mayBegin(sender.rows);
      if (what === 'commit' && sender.isOpen) sender.rows.push(committedMarker);
      if (what === 'commit' || what === 'roll back') sender.isOpen = false;
      if (what === 'submit' && committed()) hear(says('action order', 'done', { at }));
      if (what === 'wait') hear(passed(at, at));
      if (what === 'crash') state = replay(machine, announce, start, events);
      const isAsked = machine.outstanding(announce, state).some((c) => inWords(c).startsWith('action order'));
      if (what !== 'check back' || !isAsked) return;
      const word = judgeCheckBack({ found: sender.rows, isOpen: sender.isOpen });
      if (word === 'plant') sender.rows.push(plantedNo);
      const answer = word === 'committed' ? 'done' : word === 'not-yet' ? 'busy' : 'refused';
      hear(says('action order', answer, { at }));
    });
    return { state, committed: committed(), isOpen: sender.isOpen };
  }
});
