/** Goal: only what is a start, a reply, a cancellation or a hint is believed. Method: messages as anybody could write them. */
import { readInput, startType } from './inbox.js';
import type { Message } from './message.js';
import { cancelType, wishType } from './wish.js';
import { describe, expect, test } from '@jest/globals';

const transactionId = '01a3185c-5001-7a00-8a00-000000000001';

function message(type: string, data: unknown): Message {
  return { id: 'm', type, source: 'somebody', topic: 'orchestrator.inbox', key: 'k', occurredAt: 0, data };
}

const reply = {
  transactionId,
  branchId: 'a-step',
  operation: 'action',
  generation: 1,
  attempt: 1,
  reply: { outcome: 'succeeded', output: {} },
};

describe('readInput', () => {
  test('a start, a hint, a cancellation and a reply become inputs of the shard they came from', () => {
    const start = { transactionId, definition: 'place-order', input: {} };
    const cancel = { transactionId, actor: 'order', reason: 'the customer asked' };
    const forged = { transactionId, wanted: { type: 'terminate-requested' }, actor: 'eve', reason: 'x' };
    expect(readInput(message(startType, start), 3)).toMatchObject({ kind: 'start', transactionId, shard: 3 });
    expect(readInput(message(cancelType, cancel), 3)).toMatchObject({ kind: 'cancel', cancel });
    expect(readInput(message(wishType, forged), 3)).toEqual({ kind: 'hint', transactionId, shard: 3 });
    expect(readInput(message('stock.take.succeeded', reply), 3)).toMatchObject({ kind: 'reply', reply });
  });

  test.each([
    ['no body', message('x', null)],
    ['a body of text', message('x', 'reply')],
    ['no transaction id', message('x', { ...reply, transactionId: undefined })],
    ['a transaction id that is no UUID', message('x', { ...reply, transactionId: "'; drop table" })],
    ['an unknown outcome', message('x', { ...reply, reply: { outcome: 'maybe' } })],
    ['no reply', message('x', { ...reply, reply: undefined })],
    ['a refusal without a code', message('x', { ...reply, reply: { outcome: 'refused' } })],
    [
      'a failure that does not say whether to retry',
      message('x', { ...reply, reply: { outcome: 'failed', failure: { code: 'X' } } }),
    ],
    ['a half that does not exist', message('x', { ...reply, operation: 'undo' })],
    ['a generation that is no number', message('x', { ...reply, generation: '1' })],
    ['an attempt that is no whole number', message('x', { ...reply, attempt: 1.5 })],
    ['a start without a definition', message(startType, { transactionId, input: {} })],
    ['a start without an input', message(startType, { transactionId, definition: 'place-order' })],
    ['a cancellation without an actor', message(cancelType, { transactionId, reason: 'x' })],
    ['a cancellation without a reason', message(cancelType, { transactionId, actor: 'x' })],
    [
      'B100: a reason of a megabyte',
      message(cancelType, { transactionId, actor: 'x', reason: 'x'.repeat(1e6) }),
    ],
  ])('B96: %s is told from a message, with a reason', (_what, forged) => {
    expect(readInput(forged, 0)).toEqual({ reason: expect.any(String) });
  });
});
