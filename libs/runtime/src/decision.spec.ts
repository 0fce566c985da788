/**
 * Goal: a batch's view of one transaction: what it asks for, and what time means for it.
 * Method: definitions as data, decisions as values; no ports.
 */
import { expect, test } from '@jest/globals';
import { saga, sagaProtocol, type Operation } from '@sagamore/engine';
import { seededRandom } from '@sagamore/primitives';
import { begin, decide, type Decision } from './decision.js';

const operation = (name: string): Operation => ({
  participant: name,
  action: `${name}.do`,
  compensation: `${name}.undo`,
  effect: 'local',
});

const bugs: string[] = [];
const context = {
  at: 10,
  random: seededRandom(1),
  onBug: (_id: string, error: unknown) => void bugs.push(String(error)),
};
const record = (definition: string) => ({
  transactionId: 'a-transaction',
  definition,
  version: 1,
  shard: 0,
  input: {},
  startedAt: 0,
});

function sent({ commands }: Decision): readonly string[] {
  return commands.flatMap((command) => (command.type === 'send' ? [command.branchId] : []));
}

test('branches of a parallel group are asked for in one batch', () => {
  const trip = saga('trip', { version: 1 })
    .parallel((group) =>
      group
        .step('book-flight', operation('flight'), () => ({}))
        .step('book-hotel', operation('hotel'), () => ({})),
    )
    .define();
  expect(sent(begin(sagaProtocol(trip), record('trip')))).toEqual(['book-flight', 'book-hotel']);
});

test('R15: time serves everything that is due in one batch, each with a retryAt drawn for itself', () => {
  const retry = { attemptsMax: 3, baseMs: 1_000, maxMs: 1_000 };
  const patience = { timeoutMs: 100, retry };
  const trip = saga('trip', { version: 1 })
    .parallel((group) =>
      group
        .step('book-flight', operation('flight'), () => ({}), patience)
        .step('book-hotel', operation('hotel'), () => ({}), patience)
        .step('book-car', operation('car'), () => ({}), patience),
    )
    .define();
  const begun = begin(sagaProtocol(trip), record('trip'));
  const due = { kind: 'due', transactionId: 'a-transaction', shard: 0 } as const;
  const late = decide(begun, due, { ...context, at: 100 });
  const drawn = late.entries.map(({ event }) => (event.type === 'time-passed' ? event.retryAt : undefined));
  expect(new Set(drawn).size).toBe(3);
  expect(decide(begun, due, { ...context, at: 99 })).toBe(begun);
});

test('what falls due at one instant by the hundred is served in bounded portions, and nothing of it is forgotten', () => {
  const copies = saga('copies', { version: 1 })
    .forEach(
      'copy',
      () => Array.from({ length: 500 }, (_, index) => index),
      operation('copy'),
      (index) => index,
      { atOnce: 500, timeoutMs: 100, retry: { attemptsMax: 2, baseMs: 1_000, maxMs: 1_000 } },
    )
    .define();
  const due = { kind: 'due', transactionId: 'a-transaction', shard: 0 } as const;
  let decision = begin(sagaProtocol(copies), record('copies'));
  const portions: number[] = [];
  for (let seq = -1; seq !== decision.after.seq;) {
    seq = decision.after.seq;
    decision = decide(decision, due, { ...context, at: 100 });
    portions.push(decision.after.seq - seq);
  }
  expect(portions).toEqual([200, 200, 100, 0]);
});

test('a transaction remembers the events it was told while they are few, and none of them once they are many', () => {
  const retry = { attemptsMax: 100, baseMs: 1, maxMs: 1 };
  const copy = saga('copy', { version: 1 })
    .step('copy', operation('copy'), () => ({}), { timeoutMs: 1, retry })
    .define();
  const due = { kind: 'due', transactionId: 'a-transaction', shard: 0 } as const;
  let decision = begin(sagaProtocol(copy), record('copy'));
  for (let at = 10; decision.after.seq < 40; at += 10) {
    const { events, seq } = decision.after;
    const saved = decision.entries.map(({ event }) => event);
    expect(events).toEqual(seq <= 32 ? saved : undefined);
    decision = decide(decision, due, { ...context, at });
  }
});

test('S94: a resumption that was wished for one rest is heard in another, and ends it not', () => {
  const single = saga('single', { version: 1 })
    .step('book', operation('book'), () => ({}), { retriable: true, retry: { attemptsMax: 1 } })
    .define();
  const begun = begin(sagaProtocol(single), record('single'));
  const { after, standing } = decide(
    begun,
    { kind: 'due', transactionId: 'a-transaction', shard: 0 },
    {
      ...context,
      at: 1_000_000,
    },
  );
  expect(standing.phase).toBe('parked');
  const resting = { before: standing, after, standing, entries: [], commands: [], heard: [], parkedAt: 7 };
  const told = [6, 7].map((parkedAt) => {
    const wanted = { type: 'operator-resumed' } as const;
    const wish = { wishId: 'w', transactionId: 'a-transaction', shard: 0, actor: 'a', reason: 'r', at: 5 };
    const about = { kind: 'wish', transactionId: 'a-transaction', shard: 0 } as const;
    return decide(resting, { ...about, wish: { ...wish, wanted, parkedAt } }, context);
  });
  expect(told.map(({ heard, standing: { phase } }) => [heard, phase])).toEqual([
    [['w'], 'parked'],
    [['w'], 'moving'],
  ]);
});
