/**
 * Goal: what waits to be sent to a participant stays in its place until a commit says that it is not wanted any more.
 * Method: a window with room for one command; what comes in is told to it as the coordinator would, BEFORE its commit.
 */
import { expect, test } from '@jest/globals';
import {
  failed,
  saga,
  sagaProtocol,
  succeeded,
  twoPhaseCommit,
  twoPhaseCommitProtocol,
  type Protocol,
  type SendCommand,
} from '@sagamore/engine';
import { uuidv7 } from '@sagamore/primitives';
import { transactionOne, transactionTwo, trusted } from '../../../test/support/runtime.js';
import { defaultWindow } from './coordinator-options.js';
import { operation } from './operation.js';
import { Traffic, type TrafficOptions } from './traffic.js';
import { TrialsAlone } from './trials.js';

const take = operation('stock.take', {
  input: trusted<object>(),
  output: trusted<unknown>(),
  undo: 'return',
});
const order: Protocol = sagaProtocol(
  saga<object>('order', { version: 1 })
    .step('take', take, ({ input }) => input)
    .define(),
);

const inTwoPhases: Protocol = twoPhaseCommitProtocol(
  twoPhaseCommit<object>('both', { version: 1 })
    .participant('take', take, (input) => input)
    .participant('give', take, (input) => input)
    .define(),
);

function liveOf(transactionId: string, protocol: Protocol = order) {
  const { state, commands } = protocol.begin({ transactionId, input: {}, at: 0 });
  const command = commands.find((each): each is SendCommand => each.type === 'send');
  if (command === undefined) throw new Error('it asks for nothing');
  const record = { transactionId, definition: 'order', version: 1, shard: 0, input: {}, startedAt: 0 };
  return { live: { record, protocol, state, seq: 0 }, state, command };
}

function trafficWith(some: Partial<TrafficOptions>): Traffic {
  return new Traffic({
    ...defaultWindow,
    trials: new TrialsAlone(),
    now: () => 0,
    onBreaker: () => {},
    onFault: () => {},
    ...some,
  });
}

test('R12: a reply that is heard and not yet saved takes nothing out of the queue; only its commit does', () => {
  const traffic = trafficWith({ outstandingMax: 2, keptForUndo: 1 });
  const [first, second] = [liveOf(transactionOne), liveOf(transactionTwo)];
  expect(traffic.admits(first.live, first.command)).toBe(true);
  expect(traffic.admits(second.live, second.command)).toBe(false);

  const { branchId, operation: half, generation } = second.command;
  const reply = { branchId, operation: half, generation, attempt: 1, reply: succeeded({}) };
  traffic.hear({
    kind: 'reply',
    transactionId: transactionTwo,
    shard: 0,
    reply: {
      transactionId: transactionTwo,
      ...reply,
    },
  });
  // The store is away, so the batch failed: the transaction waits as before, and its time stands still.
  expect(traffic.delayOf(transactionTwo)).toBe(Infinity);

  const { state } = second.live.protocol.transition(second.state, { type: 'replied', at: 1, ...reply });
  traffic.follow({ after: { ...second.live, state }, entries: [] });
  expect([traffic.delayOf(transactionTwo), traffic.isHeldUp]).toEqual([0, true]);
  expect(traffic.take()).toEqual([]);
});

test('R19: the time of a prepare that waits goes on, for others keep their locks meanwhile', () => {
  const traffic = trafficWith({ outstandingMax: 2, keptForUndo: 1 });
  const [first, second] = [liveOf(transactionOne), liveOf(transactionTwo, inTwoPhases)];
  expect(traffic.admits(first.live, first.command)).toBe(true);
  expect(traffic.admits(second.live, second.command)).toBe(false);
  expect([traffic.delayOf(transactionTwo), traffic.isHeldUp]).toEqual([0, true]);
});

test('R22: a breaker that is open when the last shard goes is told as closed: nobody here will ever try it again', () => {
  const told: string[] = [];
  const traffic = trafficWith({ onBreaker: (participant, phase) => told.push(`${participant} ${phase}`) });
  for (let failures = 0; told.length === 0 && failures < 100; failures++) {
    const transactionId = uuidv7(failures);
    const { live, command } = liveOf(transactionId);
    expect(traffic.admits(live, command)).toBe(true);
    const { branchId, operation: half, generation, attempt } = command;
    const reply = failed({ code: 'DATABASE_UNAVAILABLE', message: 'away', retryable: true });
    const said = { transactionId, branchId, operation: half, generation, attempt, reply };
    traffic.hear({ kind: 'reply', transactionId, shard: 0, reply: said });
  }
  traffic.forgetShard(0);
  expect(told).toEqual(['stock open', 'stock closed']);
});
