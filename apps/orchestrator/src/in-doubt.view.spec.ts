/**
 * Goal: an operator sees who may hold locks for a word that has not come, how long, and nobody else.
 * Method: a stored transaction with its events as data in, what is shown as data out.
 */
import { expect, test } from '@jest/globals';
import {
  refused,
  succeeded,
  twoPhaseCommit,
  twoPhaseCommitProtocol,
  type Half,
  type Reply,
  type TransactionEvent,
} from '@sagamore/engine';
import type { StoredTransaction } from '@sagamore/runtime';
import { inDoubtList, inDoubtOf } from './in-doubt.view.js';

const operationOf = (participant: string) => ({
  participant,
  action: `${participant}.take`,
  effect: 'local' as const,
});
const protocol = twoPhaseCommitProtocol(
  twoPhaseCommit<object>('take-both', { version: 1 })
    .participant('take-stock', operationOf('stock'), (input) => input)
    .participant('take-card', operationOf('card'), (input) => input)
    .define(),
);
const transactionId = '0197a000-0000-7000-8000-000000000001';

const says = (branchId: string, operation: Half, reply: Reply, at: number): TransactionEvent => ({
  type: 'replied',
  at,
  branchId,
  operation,
  generation: 1,
  reply,
});
const yes = succeeded({});

function stored(status: string, events: readonly TransactionEvent[]): StoredTransaction {
  const row = { transactionId, definition: 'take-both', version: 1, shard: 0, input: {} };
  return { ...row, status, phase: 'moving', startedAt: 1_000, updatedAt: 1_000, events };
}

const voted = [says('take-stock', 'prepare', yes, 1_100), says('take-card', 'prepare', yes, 1_200)];
const decided: TransactionEvent = { type: 'decided', at: 1_200, decision: 'commit' };
const shown = (status: string, ...events: readonly TransactionEvent[]) =>
  inDoubtOf(stored(status, events), protocol, 5_000);

test('S70: who was asked for a vote is in doubt, with its age, whether its yes has come or not', () => {
  const items = shown('preparing', voted[0]!);
  expect(items).toMatchObject([
    { gid: `stock:${transactionId}:take-stock`, participant: 'stock', vote: 'yes', status: 'preparing' },
    { gid: `card:${transactionId}:take-card`, participant: 'card', vote: 'unknown' },
  ]);
  for (const { ageMs } of items) expect(ageMs).toBeGreaterThanOrEqual(3_000);
  expect(inDoubtList.parse({ items, isTruncated: false }).items).toEqual(items);
});

test('S68: once decided, only who has not acknowledged is in doubt', () => {
  const items = shown('committing', ...voted, decided, says('take-stock', 'commit', yes, 1_300));
  expect(items.map(({ branch }) => branch)).toEqual(['take-card']);
});

test('who voted no, or has rolled back, is in no doubt', () => {
  const no = says('take-card', 'prepare', refused('declined'), 1_100);
  expect(shown('aborting', voted[0]!, no).map(({ branch }) => branch)).toEqual(['take-stock']);
  expect(shown('aborting', voted[0]!, no, says('take-stock', 'rollback', yes, 1_300))).toEqual([]);
});
