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
