/**
 * Goal: all participants commit or all roll back; the decision is known before it is told, and told until acknowledged.
 * Method: facts as data in, state and commands as data out; no host, no clock but the instants in the facts.
 */
import { describe, expect, test } from '@jest/globals';
import { replay } from '../machine.js';
import * as example from '../round/round.example.js';
import { bug, decided, inWords, passed, resumed, says, start } from '../round/round.example.js';
import type { TransactionEvent } from '../transaction.js';
import { sketch } from './two-phase-commit.example.js';
import { twoPhaseCommitMachine as machine } from './two-phase-commit.machine.js';

const patience = { timeoutMs: 1_000, retry: { attemptsMax: 2 }, inProgressPollMs: 50 } as const;
const order = sketch(
  [
    { name: 'stock', ...patience },
    { name: 'card', ...patience, external: true },
    { name: 'order', ...patience },
  ],
  { name: 'reject', timeoutMs: 1_000, retry: { attemptsMax: 2 } },
);
const tell = (...events: readonly TransactionEvent[]) => example.tell(machine, order, ...events);
type State = ReturnType<typeof tell>['state'];
const dueAt = (state: State) => machine.dueAt(order, state);
const outstanding = (state: State) => machine.outstanding(order, state).map(inWords);

const yes = (...names: string[]) => names.map((name) => says(`prepare ${name}`, 'done'));
const committed = (...names: string[]) => names.map((name) => says(`commit ${name}`, 'done'));
const rolledBack = (...names: string[]) => names.map((name) => says(`rollback ${name}`, 'done'));
const voted = yes('stock', 'card', 'order');
const toCommit = [...voted, decided('commit')];

describe('preparing', () => {
  test('a start asks everybody for a vote at once', () => {
    const { state, commands, raw } = tell();
    expect(state.status).toBe('preparing');
    expect(commands).toEqual(['prepare stock', 'prepare card', 'prepare order']);
    expect(raw[0]).toMatchObject({
      participant: 'stock-service',
      messageType: 'stock.do',
      operation: 'prepare',
      payload: { of: 'stock' },
    });
  });

  test('a vote that is missing is asked for again, within its attempts', () => {
    const told = tell(...yes('stock', 'order'), passed(1_000, 1_100), passed(1_100));
    expect(told.commands).toEqual(['prepare card attempt 2']);
    expect(outstanding(told.state)).toEqual(['prepare card attempt 2']);
  });
});

describe('I20: the decision', () => {
  test('is asked of the host with the last vote, and nothing else is', () => {
    const { state, commands } = tell(...voted);
    expect(commands).toEqual(['decide commit']);
    expect([state.status, outstanding(state)]).toEqual(['preparing', []]);
  });

  test('is an event of its own, and only what follows it tells anybody', () => {
    const { state, commands, raw } = tell(...toCommit);
    expect(state.status).toBe('committing');
    expect(commands).toEqual(['commit stock', 'commit card', 'commit order']);
    expect(raw.map((command) => ('messageType' in command ? command.messageType : ''))).toEqual([
      'stock-service.commit-prepared',
      'card.take',
      'order-service.commit-prepared',
    ]);
    expect(raw[1]).toMatchObject({ payload: { input: { of: 'card' }, output: 'card-output' } });
  });

  test('S67: that was not stored when the host was lost is to abort', () => {
    const state = replay(machine, order, start, voted);
    expect([dueAt(state), outstanding(state)]).toEqual([100, []]);
    const after = machine.transition(order, state, passed(700));
    expect(after.state).toMatchObject({ status: 'aborting', reason: { kind: 'undecided' } });
    expect(after.commands.map(inWords)).toEqual(['rollback stock', 'rollback card', 'rollback order']);
    expect(machine.transition(order, after.state, decided('commit'))).toEqual({
      state: after.state,
      commands: [],
    });
  });

  test('S67: that was stored is followed by whoever takes over', () => {
    const state = replay(machine, order, start, [...toCommit, ...committed('card')]);
    expect(outstanding(state)).toEqual(['commit stock', 'commit order']);
    expect(machine.transition(order, state, decided('abort')).state).toBe(state);
  });

  test('cannot be to commit while a vote is missing', () => {
    const { state } = tell(...yes('stock', 'card'));
    expect(machine.transition(order, state, decided('commit'))).toEqual({ state, commands: [] });
  });

  test('can be to abort at any time before', () => {
    const { state, commands } = tell(...yes('stock'), decided('abort'));
    expect(state).toMatchObject({ status: 'aborting', reason: { kind: 'undecided' } });
    expect(commands).toEqual(['rollback stock', 'rollback card', 'rollback order']);
  });
});

describe('a vote of no', () => {
  test('aborts without a decision of its own; who voted no is not told, who has not voted is', () => {
    const { state, commands, raw } = tell(...yes('stock'), says('prepare card', 'refused'));
    expect(state).toMatchObject({ status: 'aborting', reason: { kind: 'refused', branchId: 'card' } });
    expect(commands).toEqual(['rollback stock', 'rollback order']);
    expect(raw).toMatchObject([
      { messageType: 'stock-service.rollback-prepared', payload: { outcome: 'succeeded' } },
      { messageType: 'order-service.rollback-prepared', payload: { outcome: 'unknown' } },
    ]);
  });

  test('silence is one, and who is silent is told, for it may have prepared', () => {
    const silence = [passed(1_000, 1_200), passed(1_200), passed(2_200)];
    const { state, commands } = tell(...yes('stock', 'order'), ...silence);
    expect(state).toMatchObject({ reason: { kind: 'timed-out', branchId: 'card' } });
    expect(commands).toEqual(['rollback stock', 'rollback card', 'rollback order']);
  });

  test('R28: the end is told AFTER the last acknowledgement, and only then announced', () => {
    const no = [...yes('stock'), says('prepare card', 'refused')];
    expect(tell(...no, ...rolledBack('order')).commands).toEqual([]);
    expect(tell(...no, ...rolledBack('order', 'stock')).raw).toMatchObject([
      { branchId: 'reject', payload: { reason: { code: 'no-such-thing' } } },
    ]);
    const told = tell(...no, ...rolledBack('order', 'stock'), says('action reject', 'done'));
    expect(told.commands).toEqual(['announce aborted']);
    expect(told.state).toMatchObject({ status: 'aborted', reason: { branchId: 'card' }, heuristics: [] });
  });

  test('where nobody has prepared there is nobody to tell', () => {
    const pair = sketch([{ name: 'a' }, { name: 'b' }]);
    const told = example.tell(machine, pair, says('prepare a', 'read-only'), says('prepare b', 'refused'));
    expect(told.commands).toEqual(['announce aborted']);
  });

  test('R5: a prepared transaction that is gone is rolled back; a hold of the outside that is gone parks', () => {
    const turned = [...yes('stock', 'card'), says('prepare order', 'refused')];
    expect(tell(...turned, says('rollback stock', 'empty'), ...rolledBack('card')).commands).toEqual([
      'action reject',
    ]);
    const { state } = tell(...turned, says('rollback card', 'empty'), ...rolledBack('stock'));
    expect(state).toMatchObject({ status: 'parked', reason: { kind: 'undo-lost', branchId: 'card' } });
  });
});

describe('committing', () => {
  test('ends when everybody has acknowledged, and says so once', () => {
    const { state, raw, all } = tell(...toCommit, ...committed('order', 'stock', 'card'));
    expect(state).toMatchObject({ status: 'committed', heuristics: [] });
    expect(raw).toEqual([{ type: 'announce', outcome: 'committed' }]);
    expect(all.filter((command) => command.startsWith('rollback'))).toEqual([]);
  });

  test('S68, R20: a participant that is down is told until it answers, and holds up nobody', () => {
    const others = [...toCommit, ...committed('card', 'order')];
    let { state } = tell(...others);
    for (let attempt = 1; attempt <= 50; attempt++) {
      const due = dueAt(state) ?? Number.NaN;
      state = machine.transition(order, state, passed(due, due + 10)).state;
      const next = machine.transition(order, state, passed(due + 10));
      expect(next.commands.map(inWords)).toEqual([`commit stock attempt ${attempt + 1}`]);
      state = next.state;
    }
    expect(machine.transition(order, state, says('commit stock', 'done')).state.status).toBe('committed');
  });

  test('that fails for good parks, with the decision', () => {
    const { state } = tell(...toCommit, says('commit stock', 'broken'), ...committed('card', 'order'));
    expect(state).toMatchObject({
      status: 'parked',
      reason: { kind: 'settlement-failed', branchId: 'stock' },
    });
    const again = machine.transition(order, state, resumed());
    expect(again.commands.map(inWords)).toEqual(['commit stock generation 2']);
  });
});

describe('who need not be asked twice', () => {
  test('a read-only participant leaves after its vote', () => {
    const votes = [says('prepare stock', 'read-only'), ...yes('card', 'order')];
    expect(tell(...votes, decided('commit')).commands).toEqual(['commit card', 'commit order']);
    const no = [says('prepare stock', 'read-only'), says('prepare card', 'refused')];
    expect(tell(...no).commands).toEqual(['rollback order']);
  });

  test('where all have only read there is nothing to decide', () => {
    const votes = ['stock', 'card', 'order'].map((name) => says(`prepare ${name}`, 'read-only'));
    expect(tell(...votes).commands).toEqual(['announce committed']);
  });

  describe('a participant alone commits in one phase', () => {
    const alone = sketch([{ name: 'stock', ...patience }], { name: 'reject' });
    const tellAlone = (...events: readonly TransactionEvent[]) => example.tell(machine, alone, ...events);

    test('it is asked for the action itself, and its success is the end', () => {
      expect(tellAlone().commands).toEqual(['action stock']);
      expect(tellAlone(says('action stock', 'done')).commands).toEqual(['announce committed']);
    });

    test('its refusal aborts, and nobody is told to roll back', () => {
      const { state, commands } = tellAlone(says('action stock', 'refused'));
      expect(commands).toEqual(['action reject']);
      expect(state).toMatchObject({ status: 'aborting', reason: { kind: 'refused' }, heuristics: [] });
    });

    test('its silence decides nothing: it is asked again', () => {
      expect(tellAlone(passed(1_000), passed(1_000), passed(2_000), passed(2_000)).commands).toEqual([
        'action stock attempt 3',
      ]);
    });

    test('what it can never do parks', () => {
      expect(tellAlone(says('action stock', 'broken')).state).toMatchObject({
        status: 'parked',
        reason: { kind: 'failed', branchId: 'stock' },
      });
    });

    test('R21: one that only holds is prepared all the same', () => {
      const outside = sketch([{ name: 'card', external: true }]);
      expect(example.tell(machine, outside).commands).toEqual(['prepare card']);
    });
  });
});

describe('a host that is lost', () => {
  test('R2: after a bug the transaction waits for a person, and then goes on where it stood', () => {
    const { state, commands } = tell(...yes('stock'), bug());
    expect(commands).toEqual(['announce parked']);
    expect([state.status, dueAt(state), outstanding(state)]).toEqual(['parked', undefined, []]);
    expect(tell(...yes('stock'), bug(), resumed()).commands).toEqual(['prepare card', 'prepare order']);
    expect(tell(...toCommit, bug(), resumed()).commands).toEqual([
      'commit stock',
      'commit card',
      'commit order',
    ]);
  });

  test('S67: one that waits for a decision is aborted when a person resumes it', () => {
    expect(tell(...voted, bug(), resumed()).state).toMatchObject({
      status: 'aborting',
      reason: { kind: 'undecided' },
    });
  });

  test('S35: nothing that arrives after the end changes anything', () => {
    const { state } = tell(...toCommit, ...committed('order', 'stock', 'card'));
    for (const event of [
      says('commit card', 'refused'),
      passed(1e9),
      resumed(),
      bug(),
      decided('abort'),
      example.reported('card', 'rolled-back'),
    ]) {
      expect(machine.transition(order, state, event)).toEqual({ state, commands: [] });
    }
  });
});
