/**
 * Goal: all branches are confirmed, or all are cancelled, or a person is told why not.
 * Method: facts as data in, state and commands as data out; no host, no clock but the instants in the facts.
 */
import { describe, expect, test } from '@jest/globals';
import { replay } from '../machine.js';
import type { TransactionEvent } from '../transaction.js';
import * as example from '../round/round.example.js';
import { bug, decided, inWords, passed, resumed, says, start } from '../round/round.example.js';
import { sketch } from './tcc.example.js';
import { tccMachine } from './tcc.machine.js';

const patience = {
  timeoutMs: 1_000,
  retry: { attemptsMax: 2 },
  settleRetry: { attemptsMax: 3 },
  inProgressPollMs: 50,
} as const;
const order = sketch(
  ['stock', 'card', 'parcel'].map((name) => ({ name, ...patience })),
  { name: 'reject', timeoutMs: 1_000, retry: { attemptsMax: 2 } },
);
const tell = (...events: readonly TransactionEvent[]) => example.tell(tccMachine, order, ...events);
const dueAt = (state: ReturnType<typeof tell>['state']) => tccMachine.dueAt(order, state);
const outstanding = (state: ReturnType<typeof tell>['state']) =>
  tccMachine.outstanding(order, state).map(inWords);

const tried = [says('try stock', 'done'), says('try parcel', 'done'), says('try card', 'done')];
const confirmed = (...names: string[]) => names.map((name) => says(`confirm ${name}`, 'done'));
const cancelled = (...names: string[]) => names.map((name) => says(`cancel ${name}`, 'done'));
const turned = [says('try stock', 'done'), says('try card', 'refused')];

describe('trying', () => {
  test('a start tries every branch at once', () => {
    const { state, commands, raw } = tell();
    expect(state.status).toBe('trying');
    expect(commands).toEqual(['try stock', 'try card', 'try parcel']);
    expect(raw[0]).toEqual({
      type: 'send',
      participant: 'stock-service',
      messageType: 'stock.hold',
      branchId: 'stock',
      operation: 'try',
      generation: 1,
      attempt: 1,
      payload: { of: 'stock' },
    });
  });

  test('nothing is confirmed while any try is open', () => {
    expect(tell(...tried.slice(0, 2)).commands).toEqual([]);
    expect(outstanding(tell(...tried.slice(0, 2)).state)).toEqual(['try card']);
  });

  test('the last success confirms every branch, with what its try was given and has answered', () => {
    const { state, commands, raw } = tell(...tried);
    expect(state.status).toBe('confirming');
    expect(commands).toEqual(['confirm stock', 'confirm card', 'confirm parcel']);
    expect(raw[1]).toMatchObject({
      messageType: 'card.keep',
      payload: {
        input: { of: 'card' },
        output: 'card-output',
        details: { seen: ['card', 'parcel', 'stock'] },
      },
    });
  });

  test('silence is followed by the next attempt, one branch at a time, each with an instant of its own', () => {
    const { state, commands } = tell(passed(1_000, 1_300));
    expect(commands).toEqual([]);
    expect([dueAt(state), outstanding(state)]).toEqual([1_000, ['try card', 'try parcel']]);
    const again = tell(passed(1_000, 1_300), passed(1_000, 1_200), passed(1_000, 1_100), passed(1_100));
    expect(again.commands).toEqual(['try parcel attempt 2']);
    expect(dueAt(again.state)).toBe(1_200);
  });

  test('S80: in-progress is asked again and spends no attempt', () => {
    const { state } = tell(says('try card', 'busy', { at: 10 }));
    expect([dueAt(state), outstanding(state)]).toEqual([60, ['try stock', 'try parcel']]);
    expect(tell(says('try card', 'busy', { at: 10 }), passed(60)).commands).toEqual(['try card']);
  });
});

describe('S72: every branch is cancelled', () => {
  const all = ['cancel stock', 'cancel card', 'cancel parcel'];

  test('when a try is refused, those that have not answered too', () => {
    const { state, commands, raw } = tell(...turned);
    expect(state).toMatchObject({ status: 'cancelling', reason: { kind: 'refused', branchId: 'card' } });
    expect(commands).toEqual(all);
    expect(raw).toMatchObject([
      { messageType: 'stock.let-go', payload: { outcome: 'succeeded', output: 'stock-output' } },
      { messageType: 'card.let-go', payload: { input: { of: 'card' }, outcome: 'refused' } },
      { messageType: 'parcel.let-go', payload: { input: { of: 'parcel' }, outcome: 'unknown' } },
    ]);
  });

  test('when a try times out, the unknown one included', () => {
    const others = [says('try stock', 'done'), says('try parcel', 'done')];
    const { state, commands, raw } = tell(...others, passed(1_000, 1_200), passed(1_200), passed(2_200));
    expect(state).toMatchObject({ reason: { kind: 'timed-out', branchId: 'card' } });
    expect(commands).toEqual(all);
    expect(raw[1]).toMatchObject({ branchId: 'card', payload: { outcome: 'unknown' } });
  });

  test('when a try fails for good', () => {
    const { state, commands } = tell(says('try card', 'broken'));
    expect(commands).toEqual(all);
    expect(state).toMatchObject({ reason: { kind: 'failed', failure: { code: 'DATA_REJECTED' } } });
  });

  test('S17: the late success of a try changes nothing, for its cancel covers it', () => {
    const { state } = tell(...turned);
    expect(tccMachine.transition(order, state, says('try parcel', 'done')).state).toBe(state);
  });

  test('R28: the end is told AFTER the last cancel, and only then announced', () => {
    const told = tell(...turned, ...cancelled('card', 'parcel', 'stock'), says('action reject', 'done'));
    expect(told.all.slice(3)).toEqual([...all, 'action reject', 'announce cancelled']);
    expect(told.state).toMatchObject({ status: 'cancelled', reason: { kind: 'refused', branchId: 'card' } });
    const closing = tell(...turned, ...cancelled('card', 'parcel', 'stock'));
    expect(closing.raw).toMatchObject([{ payload: { of: 'reject', reason: { code: 'no-such-thing' } } }]);
  });

  test('without a closing branch the last cancel is the end', () => {
    const bare = sketch([{ name: 'a' }]);
    const told = example.tell(tccMachine, bare, says('try a', 'refused'), says('cancel a', 'empty'));
    expect(told.state.status).toBe('cancelled');
  });

  test('S3: an empty cancel of what was refused or unknown is done', () => {
    const empty = [
      says('cancel card', 'empty'),
      says('cancel parcel', 'empty'),
      says('cancel stock', 'done'),
    ];
    expect(tell(...turned, ...empty).commands).toEqual(['action reject']);
  });

  test('R5: an empty cancel of what is known to be held parks, when the others have ended', () => {
    const lost = [...turned, says('cancel stock', 'empty'), says('cancel card', 'done')];
    expect(tell(...lost).state.status).toBe('cancelling');
    const { state, commands } = tell(...lost, says('cancel parcel', 'done'));
    expect(commands).toEqual(['announce parked']);
    expect(state).toMatchObject({ status: 'parked', reason: { kind: 'undo-lost', branchId: 'stock' } });
  });

  test('a closing branch that cannot be told parks', () => {
    const { state } = tell(
      ...turned,
      ...cancelled('card', 'parcel', 'stock'),
      says('action reject', 'broken'),
    );
    expect(state).toMatchObject({ status: 'parked', reason: { kind: 'failed', branchId: 'reject' } });
  });
});

describe('S73: confirming', () => {
  test('ends when every branch has confirmed, and says so once', () => {
    const { state, raw } = tell(...tried, ...confirmed('parcel', 'stock', 'card'));
    expect(state).toEqual({ status: 'confirmed' });
    expect(raw).toEqual([{ type: 'announce', outcome: 'confirmed' }]);
  });

  test('is repeated while it fails, and holds up no other branch', () => {
    const failing = [...tried, says('confirm card', 'failed', { at: 200, retryAt: 300 })];
    expect(tell(...failing, ...confirmed('stock', 'parcel')).state.status).toBe('confirming');
    expect(tell(...failing, passed(300)).commands).toEqual(['confirm card attempt 2']);
    expect(
      tell(...failing, ...confirmed('stock', 'parcel'), passed(300), ...confirmed('card')).state.status,
    ).toBe('confirmed');
  });

  const givenUp = (answer: 'refused' | 'broken' | 'empty') => [
    ...tried,
    says('confirm card', answer),
    ...confirmed('stock', 'parcel'),
  ];

  test.each([
    ['refused', 'settlement-refused'],
    ['broken', 'settlement-failed'],
    ['empty', 'settlement-lost'],
  ] as const)('that is %s parks and is never turned into a cancel', (answer, kind) => {
    const { state, all } = tell(...givenUp(answer));
    expect(state).toMatchObject({ status: 'parked', reason: { kind, branchId: 'card' } });
    expect(all.filter((command) => command.startsWith('cancel'))).toEqual([]);
  });

  test('I33: beyond its last attempt parks', () => {
    const silence = [1, 2, 3].flatMap((n) => [passed(n * 2_000, n * 2_000), passed(n * 2_000)]);
    const { state, all } = tell(...tried, ...confirmed('stock', 'parcel'), ...silence);
    expect(state).toMatchObject({
      status: 'parked',
      reason: { kind: 'settlement-failed', branchId: 'card' },
    });
    expect(all.filter((command) => command.startsWith('confirm card'))).toEqual([
      'confirm card',
      'confirm card attempt 2',
      'confirm card attempt 3',
    ]);
  });

  test('R4: a person has only the branch asked again that did not confirm, under the next generation', () => {
    const { state, commands } = tell(...givenUp('refused'), resumed());
    expect(commands).toEqual(['confirm card generation 2']);
    const after = tccMachine.transition(order, state, says('confirm card', 'done', { generation: 2 }));
    expect(after.state).toEqual({ status: 'confirmed' });
  });

  test('whatever is refused, cancelled or decided then, nothing is cancelled', () => {
    const { state } = tell(...tried);
    for (const event of [says('try card', 'refused'), says('cancel card', 'done'), decided('abort')]) {
      expect(tccMachine.transition(order, state, event).state).toBe(state);
    }
  });
});

describe('a host that is lost', () => {
  test('S29: has another ask for what is outstanding, and for nothing else', () => {
    const events = [...turned, ...cancelled('stock')];
    const state = replay(tccMachine, order, start, events);
    expect(outstanding(state)).toEqual(['cancel card', 'cancel parcel']);
  });

  test('R2: after a bug the transaction waits for a person, and then goes on where it stood', () => {
    const { state, commands } = tell(...tried.slice(0, 1), bug());
    expect(commands).toEqual(['announce parked']);
    expect([state.status, dueAt(state), outstanding(state)]).toEqual(['parked', undefined, []]);
    expect(tell(...tried.slice(0, 1), bug(), resumed()).commands).toEqual(['try card', 'try parcel']);
    expect(tell(...tried.slice(0, 1), bug(), bug(450)).state).toEqual(state);
  });

  test('S35: nothing that arrives after the end changes anything', () => {
    const { state } = tell(...tried, ...confirmed('stock', 'card', 'parcel'));
    for (const event of [says('confirm card', 'refused'), passed(1e9), resumed(), bug(), decided('abort')]) {
      expect(tccMachine.transition(order, state, event)).toEqual({ state, commands: [] });
    }
  });
});
