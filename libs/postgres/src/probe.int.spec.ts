/**
 * Goal: an action and the probe that asks what became of it, at the same moment, come to one story (S5, R6).
 * Method: two processes of one service over one real database, each asked one of the two, hundreds of times at once.
 */
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import { refused, succeeded, type Reply } from '@sagamore/engine';
import { MemoryBroker, MemoryBus } from '@sagamore/memory';
import {
  inboxTopic,
  operation,
  Participant,
  probeTypeOf,
  SystemClock,
  type Message,
  type ProbedData,
  type ReplyData,
} from '@sagamore/runtime';
import { setTimeout as pause } from 'node:timers/promises';
import { openPostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { command, trusted } from '../../../test/support/runtime.js';
import { uuidv7 } from '@sagamore/primitives';
import { postgres } from './barrier.js';
import { statement } from './statement.js';

jest.setTimeout(60_000);

const take = operation('stock.take', {
  input: trusted<unknown>(),
  output: trusted<unknown>(),
  undo: 'return',
});
const create = statement('test-create', 'create table taken (transaction_id uuid not null)');
const insert = statement('test-insert', 'insert into taken select unnest($1::uuid[])');
const findAll = statement('test-find', 'select transaction_id from taken');

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(async () => (await testPostgres()).stop());

/** One process of the service with a broker of its own, so that the test says which process is asked what. */
async function serve(isolation: 'read committed' | 'repeatable read', url?: string) {
  const ports = await openPostgresPorts({ isolation, ...(url === undefined ? {} : { url }) });
  closing.push(() => ports.close());
  if (url === undefined) await ports.database.read(create);
  const bus = new MemoryBus({ clock: new SystemClock(), broker: new MemoryBroker() });
  const heard: Message[] = [];
  await bus.subscribe({
    topic: inboxTopic,
    group: 'test',
    handle: async (batch) => void heard.push(...batch.map(({ message }) => message)),
  });
  const { database, barrier, intents } = ports;
  const participant = new Participant(
    { database, barrier, intents, bus, clock: new SystemClock() },
    {
      service: 'stock',
      owner: 'a',
      handlers: [
        {
          effect: 'local',
          operation: take,
          half: 'action',
          handle: async (commands, tx): Promise<readonly Reply[]> => {
            await postgres(tx).query(insert, [commands.map(({ transactionId }) => transactionId)]);
            return commands.map(() => succeeded({}));
          },
        },
      ],
    },
  );
  await participant.start();
  closing.push(() => participant.stop());
  const ask = async (messages: readonly Message[]): Promise<readonly Message[]> => {
    const from = heard.length;
    await bus.send(messages);
    for (const deadline = Date.now() + 20_000; heard.length < from + messages.length; await pause(2))
      if (Date.now() > deadline) throw new Error('not every answer came within 20 s');
    return heard.slice(from);
  };
  const effects = async (): Promise<ReadonlySet<string>> => {
    const rows = await ports.database.read<{ readonly transaction_id: string }>(findAll);
    expect(new Set(rows.map((row) => row.transaction_id)).size).toBe(rows.length);
    return new Set(rows.map((row) => row.transaction_id));
  };
  return { url: ports.url, ask, effects };
}

describe.each(['read committed', 'repeatable read'] as const)(
  'a probe that meets its action, %s',
  (isolation) => {
    test('S5, S9, R6: of 200 pairs each comes to one story, and what is in the books is what both were told', async () => {
      const first = await serve(isolation);
      const second = await serve(isolation, first.url);
      const ids = Array.from({ length: 200 }, () => uuidv7(Date.now()));
      const portions = Array.from({ length: 20 }, (_, index) => ids.slice(index * 10, index * 10 + 10));
      const findings = new Map<string, string>();
      const replies = new Map<string, Reply>();
      for (const portion of portions) {
        const actions = portion.map((transactionId) => command({ type: 'stock.take', transactionId }));
        const probes = portion
          .toReversed()
          .map((transactionId) => command({ type: probeTypeOf('stock'), transactionId }));
        const [answers, found] = await Promise.all([first.ask(actions), second.ask(probes)]);
        for (const { data } of answers as readonly Message<ReplyData>[])
          replies.set(data.transactionId, data.reply);
        for (const { data } of found as readonly Message<ProbedData>[])
          findings.set(data.transactionId, data.finding.outcome);
      }
      const done = await first.effects();
      for (const id of ids) {
        expect(findings.get(id)).toBe(done.has(id) ? 'succeeded' : 'not-done');
        expect(replies.get(id)).toEqual(done.has(id) ? succeeded({}) : refused('cancelled-before'));
      }
      // Asked once more, nobody changes his mind.
      const again = (await second.ask(
        ids.map((transactionId) => command({ type: probeTypeOf('stock'), transactionId })),
      )) as readonly Message<ProbedData>[];
      for (const { data } of again) expect(data.finding.outcome).toBe(findings.get(data.transactionId));
    });
  },
);
