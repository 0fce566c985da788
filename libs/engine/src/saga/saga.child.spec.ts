/**
 * Goal: a saga as one step of another is done, undone and blocked as one step, its own order included.
 * Method: parent and child each as data; what one says to the other is told by hand, once in each direction.
 */
import { describe, expect, test } from '@jest/globals';
import type { Reply } from '../operation.js';
import type { Parent, TransactionEvent } from '../transaction.js';
import { saga } from './saga.definition.js';
import * as example from './saga.example.js';
import {
  bug,
  busy,
  done,
  operationOf,
  passed,
  parentAsked,
  refused,
  resumed,
  skipped,
  start,
  tell,
  tellFrom,
  terminated,
  undone,
  undoRefused,
} from './saga.example.js';
import { sagaMachine } from './saga.machine.js';
import { sagaProtocol } from './saga.protocol.js';

const child = saga<{ sku: string }>('pack', { version: 3 })
  .step('box', operationOf('box'), () => 1)
  .step('label', operationOf('label'), () => 1)
  .returns(({ results }) => ({ label: results.label }))
  .define();
const parent = saga<{ sku: string }>('ship', { version: 1 })
  .step('reserve', operationOf('reserve'), () => 1)
  .subSaga('pack', child, ({ input }) => input)
  .step('send', operationOf('send'), ({ results }) => results.pack.label)
  .define();
const policy = (onUndoFailure: 'stop' | 'continue') =>
  saga<{ sku: string }>('ship', { version: 1, onUndoFailure })
    .step('reserve', operationOf('reserve'), () => 1)
    .subSaga('pack', child, ({ input }) => input)
    .step('send', operationOf('send'), () => 1)
    .define();

describe('S24: to its parent a child', () => {
  test('is started by name and version, and its answer is the result of the step', () => {
    expect(tell(parent, done('reserve')).raw).toEqual([
      {
        type: 'start-child',
        definition: 'pack',
        version: 3,
        branchId: 'pack',
        operation: 'action',
        generation: 1,
        attempt: 1,
        payload: start.input,
      },
    ]);
    const answered = example.replied('pack', 'action', { outcome: 'succeeded', output: { label: 7 } });
    expect(tell(parent, done('reserve'), answered).raw).toMatchObject([{ branchId: 'send', payload: 7 }]);
    expect(sagaProtocol(parent).participants).toEqual(['reserve-service', 'send-service']);
  });

  test('once it says that it works is asked again a day later, in case its answer was lost, and uses up no attempts', () => {
    const day = 86_400_000;
    const first = tell(parent, done('reserve'), busy('pack'));
    const at = sagaMachine.dueAt(parent, first.state)!;
    expect([at >= day && at < day + 1_000, first.raw]).toEqual([true, []]);
    const events = [passed(at), passed(at + 10_000, at + 10_100), passed(at + 10_100), busy('pack')];
    const later = tell(parent, done('reserve'), busy('pack'), ...events);
    expect(later.all.slice(2)).toEqual(['do pack', 'do pack attempt 2']);
    expect(sagaMachine.outstanding(parent, later.state)).toMatchObject([{ attempt: 1 }]);
    expect(tell(parent, done('reserve'), passed(10_100, 10_200), passed(10_200)).commands).toHaveLength(1);
  });

  test('R16: is asked again after a crash, which may have lost its answer; that it still works is no news', () => {
    const { raw } = tell(parent, done('reserve'));
    const { state } = tell(parent, done('reserve'), busy('pack'));
    expect(sagaMachine.outstanding(parent, state)).toEqual(raw);
    expect(sagaMachine.transition(parent, state, busy('pack')).state).toBe(state);
  });

  test('is undone as one step, in its place', () => {
    const answered = example.replied('pack', 'action', { outcome: 'succeeded', output: { label: 7 } });
    const { raw, all } = tell(parent, done('reserve'), answered, refused('send'));
    expect(raw).toMatchObject([
      {
        type: 'undo-child',
        definition: 'pack',
        operation: 'compensation',
        payload: { outcome: 'succeeded' },
      },
    ]);
    expect(all.slice(3)).toEqual(['undo pack']);
    expect(tell(parent, done('reserve'), answered, refused('send'), undone('pack')).commands).toEqual([
      'undo reserve',
    ]);
  });

  test('is told at once, not awaited, when the parent turns around', () => {
    expect(tell(parent, done('reserve'), busy('pack'), example.cancelled()).commands).toEqual(['undo pack']);
  });
});

const asChild: Parent = { transactionId: 'a-parent', branchId: 'pack', operation: 'action', generation: 1 };
const childTold = (...events: readonly TransactionEvent[]) =>
  tellFrom(child, { ...start, parent: asChild }, ...events);
const answer = (operation: 'action' | 'compensation', reply: Reply, generation = 1) => ({
  type: 'answer-parent',
  transactionId: 'a-parent',
  branchId: 'pack',
  operation,
  generation,
  reply,
});

describe('S24: a child', () => {
  const succeeded: Reply = { outcome: 'succeeded', output: { label: 'label-output' } };

  test('says that it works, then what came of it, and is held for its parent', () => {
    expect(childTold().raw.at(-1)).toEqual(answer('action', { outcome: 'in-progress' }));
    const ended = childTold(done('box'), done('label'));
    expect(ended.raw).toEqual([
      { type: 'announce', outcome: 'completed', output: succeeded.output },
      answer('action', succeeded),
    ]);
    expect(sagaProtocol(child).standing(ended.state)).toEqual({ status: 'completed', phase: 'held' });
  });

  test('R16: answers again when it is asked again', () => {
    const again = childTold(done('box'), done('label'), parentAsked('action', 2));
    expect(again.raw).toEqual([answer('action', succeeded, 2)]);
    expect(childTold(done('box'), parentAsked('action', 2)).raw).toEqual([
      answer('action', { outcome: 'in-progress' }, 2),
    ]);
  });

  test('refuses in the business’s words once it has undone itself', () => {
    const ended = childTold(done('box'), refused('label'), undone('box'));
    expect(ended.raw.at(-1)).toEqual(answer('action', { outcome: 'refused', refusal: example.refusal }));
  });

  test('that is done is undone in its own order when the parent says so, and says that it was heard', () => {
    const events = [parentAsked('compensation'), undone('label'), undone('box')];
    expect(childTold(done('box'), done('label'), ...events).all.slice(5)).toEqual([
      'undo label',
      'answer in-progress to compensation',
      'undo box',
      'announce compensated',
      'answer succeeded to compensation',
    ]);
  });

  test('that still runs turns around when the parent says so, and then answers that', () => {
    const told = childTold(done('box'), parentAsked('compensation'), refused('label'), undone('box'));
    expect(told.raw.at(-1)).toEqual(answer('compensation', { outcome: 'succeeded', output: null }));
  });

  test('R6: that is undone before it began does nothing, and stays undone', () => {
    const before: Parent = { ...asChild, operation: 'compensation' };
    const told = tellFrom(child, { ...start, parent: before });
    expect(told.state.status).toBe('compensated');
    expect(told.raw.at(-1)).toEqual(
      answer('compensation', { outcome: 'succeeded', output: null, empty: true }),
    );
    expect(sagaMachine.transition(child, told.state, parentAsked('action')).state).toBe(told.state);
  });

  test('past its pivot cannot be undone, and says so', () => {
    const bold = saga<unknown>('bold', { version: 1 })
      .step('pay', operationOf('pay', false), () => 1, { pivot: true })
      .define();
    const told = tellFrom(bold, { ...start, parent: asChild }, done('pay'), parentAsked('compensation'));
    expect(told.raw).toMatchObject([
      { reply: { outcome: 'refused', refusal: { code: 'beyond-the-pivot' } } },
    ]);
    expect(told.state.status).toBe('completed');
  });

  test('that a person gave up says so', () => {
    expect(childTold(done('box'), terminated()).raw.at(-1)).toMatchObject({ reply: { outcome: 'failed' } });
    const late = childTold(done('box'), terminated(), parentAsked('compensation'));
    expect(late.raw).toMatchObject([{ reply: { outcome: 'refused', refusal: { code: 'terminated' } } }]);
  });

  test('answers the latest asking, whatever arrives after it', () => {
    const asked = [done('box'), done('label'), parentAsked('compensation', 2)];
    const { state } = childTold(...asked);
    for (const older of [parentAsked('compensation', 1), parentAsked('action', 3)])
      expect(sagaMachine.transition(child, state, older).state).toBe(state);
    expect(childTold(...asked, undone('label'), undone('box')).raw.at(-1)).toMatchObject({ generation: 2 });
  });

  test('that is nobody’s child hears no parent', () => {
    const { state } = tell(child, done('box'));
    expect(sagaMachine.transition(child, state, parentAsked('compensation')).state).toBe(state);
  });
});

describe('S25: a child whose undo is blocked', () => {
  const blocked = [done('box'), refused('label'), undoRefused('box')];

  test('says so, again when it is asked, and once it is undone after all', () => {
    const failed = { outcome: 'failed', failure: { code: 'CHILD_PARKED', retryable: false } };
    expect(childTold(...blocked).raw.at(-1)).toMatchObject({ operation: 'action', reply: failed });
    expect(childTold(...blocked, parentAsked('compensation')).raw).toMatchObject([{ reply: failed }]);
    const rescued = childTold(...blocked, parentAsked('compensation'), skipped('box', 'compensation'));
    expect(rescued.raw.at(-1)).toEqual(answer('compensation', { outcome: 'succeeded', output: null }));
  });

  test('that waits for a person on the way forward leaves its parent waiting', () => {
    expect(childTold(done('box'), bug()).all.at(-1)).toBe('announce parked');
    expect(childTold(done('box'), bug(), resumed(), done('label')).all.at(-1)).toBe(
      'answer succeeded to action',
    );
  });

  const parked: Reply = {
    outcome: 'failed',
    failure: { code: 'CHILD_PARKED', message: 'x', retryable: false },
  };
  const stuck = [
    done('reserve'),
    example.replied('pack', 'action', parked),
    example.replied('pack', 'compensation', parked),
  ];

  test('blocks its parent by name, whose earlier steps are undone or not as its policy says', () => {
    const stopped = tell(policy('stop'), ...stuck);
    expect(stopped.all.slice(2)).toEqual(['undo pack', 'announce parked']);
    const going = tell(policy('continue'), ...stuck, undone('reserve'));
    expect(going.all.slice(2)).toEqual(['undo pack', 'undo reserve', 'announce parked']);
    for (const { state } of [stopped, going])
      expect(state).toMatchObject({ status: 'parked', reason: { kind: 'undo-failed', branchId: 'pack' } });
  });
});
