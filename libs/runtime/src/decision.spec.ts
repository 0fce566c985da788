/**
 * Goal: what this host carries out of what the engine can ask, and what it does with the rest.
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

const replied = (branchId: string) =>
  ({
    kind: 'reply',
    transactionId: 'a-transaction',
    shard: 0,
    reply: {
      transactionId: 'a-transaction',
      branchId,
      operation: 'action',
      generation: 1,
      attempt: 1,
      reply: { outcome: 'succeeded', output: {} },
    },
  }) as const;

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

test('R2: what this host does not carry out parks the transaction and says so, instead of waiting for ever', () => {
  const called = saga('called', { version: 1 })
    .step('book-flight', operation('flight'), () => ({}))
    .step('call', { ...operation('insurer'), transport: 'http' }, () => ({}))
    .define();
  const begun = begin(sagaProtocol(called), record('called'));
  const decision = decide(begun, replied('book-flight'), context);
  expect(decision.standing).toMatchObject({ status: 'parked', reason: { kind: 'bug' } });
  expect(bugs).toEqual(['TypeError: this host does not carry out send of this kind']);
});

test('a definition whose very first step is not carried out cannot begin', () => {
  const called = saga('called', { version: 1 })
    .step('call', { ...operation('insurer'), transport: 'http' }, () => ({}))
    .define();
  expect(() => begin(sagaProtocol(called), record('called'))).toThrow('does not carry out send');
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
