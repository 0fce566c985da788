/**
 * The synthetic saga under measurement: N steps, each of which writes one row at one participant, through a real coordinator
 * and the participant's barrier, over a real Postgres with fsync. The bus is that of the local profile; there is no HTTP, no
 * broker and no call to the outside, so that what grows is the price of a step.
 */
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { saga, sagaProtocol, succeeded } from '@sagamore/engine';
import { MemoryBus } from '@sagamore/memory';
import {
  orchestratorMigrations,
  platformMigrations,
  PostgresBarrier,
  PostgresIntents,
  PostgresTx,
  statement,
} from '@sagamore/postgres';
import { shardOf, uuidv7 } from '@sagamore/primitives';
import {
  Definitions,
  inboxTopic,
  operation,
  Participant,
  startType,
  SystemClock,
  type HandledCommand,
  type Rested,
  type Tx,
} from '@sagamore/runtime';
import { z } from 'zod';
import { host } from './host.js';
import { Load, type Pace } from './load.js';
import { coordinatorOver, openDatabase, shards } from './rig.js';

const { values } = parseArgs({ options: { steps: { type: 'string', default: '3' } } });
/** As the local profile has it. */
const handlersMax = 1;

const write = operation('bench.write', {
  input: z.object({ amount: z.number() }),
  output: z.object({ amount: z.number() }),
  undo: 'unwrite',
});

const createRows = statement(
  'bench-steps-create',
  `create table step_row (operation_id text primary key, transaction_id uuid not null, amount integer not null)`,
);
const insertRows = statement(
  'bench-steps-insert',
  `insert into step_row select * from unnest($1::text[], $2::uuid[], $3::integer[])`,
);
const deleteRows = statement(
  'bench-steps-delete',
  `delete from step_row where operation_id = any($1::text[])`,
);

type Waiting = Map<string, (status: string) => void>;

host(
  async () => {
    const waiting: Waiting = new Map();
    const orchestrator = await openDatabase(urlOf('ORCHESTRATOR'), orchestratorMigrations);
    const database = await openDatabase(urlOf('PARTICIPANT'), platformMigrations);
    await database.read(createRows);
    const clock = new SystemClock();
    const bus = new MemoryBus({ clock, handlersMax });
    await bus.ensureTopics([{ topic: inboxTopic, partitions: shards }]);
    const participant = new Participant(
      { database, barrier: new PostgresBarrier(), intents: new PostgresIntents(database), bus, clock },
      { service: 'bench', owner: 'bench', shardCount: shards, handlers },
    );
    const { coordinator, relay } = coordinatorOver(orchestrator, bus, {
      definitions: new Definitions([sagaProtocol(sagaOf(Number(values.steps)))]),
      hooks: { onRest: (rested) => tell(waiting, rested) },
    });
    await participant.start();
    relay.start();
    await coordinator.start();
    const stop = async (): Promise<void> => {
      await coordinator.stop();
      await participant.stop();
      await relay.stop();
      await bus.stop();
      await Promise.all([database.close(), orchestrator.close()]);
    };
    return { url: '', stop, bus, waiting };
  },
  ({ bus, waiting }, pace: Pace) =>
    new Load(pace, [{ fate: 'completed', request: { amount: 1 } }], async (input) => {
      const ended = Promise.withResolvers<string>();
      const message = startOf(input);
      waiting.set(message.key, ended.resolve);
      await bus.send([message]);
      return ended.promise;
    }),
);

/** `build` adds a step with a name of its own each time. */
function sagaOf(steps: number) {
  const first = saga<{ readonly amount: number }>('steps', { version: 1 }).step(
    'step-1',
    write,
    ({ input }) => input,
  );
  return Array.from({ length: steps - 1 }, (_, index) => `step-${index + 2}`)
    .reduce((builder, name) => builder.step(name, write, ({ input }) => input), first)
    .define();
}

const handlers = [
  {
    effect: 'local' as const,
    half: 'action' as const,
    operation: write,
    handle: async (commands: readonly HandledCommand[], tx: Tx) => {
      await rowsOf(tx).query(insertRows, [
        commands.map(({ operationId }) => operationId),
        commands.map(({ transactionId }) => transactionId),
        commands.map(() => 1),
      ]);
      return commands.map(() => succeeded({ amount: 1 }));
    },
  },
  {
    effect: 'local' as const,
    half: 'compensation' as const,
    operation: write,
    handle: async (commands: readonly HandledCommand[], tx: Tx) => {
      await rowsOf(tx).query(deleteRows, [commands.map(({ settledOperationId }) => settledOperationId)]);
      return commands.map(() => succeeded(null));
    },
  },
];

function rowsOf(tx: Tx): PostgresTx {
  assert(tx instanceof PostgresTx, 'a transaction of a Postgres database was wanted');
  return tx;
}

function startOf(input: { readonly amount: number }) {
  const occurredAt = Date.now();
  const transactionId = uuidv7(occurredAt);
  return {
    id: `${transactionId}/start`,
    type: startType,
    source: 'bench',
    topic: inboxTopic,
    key: transactionId,
    partition: shardOf(transactionId, shards),
    occurredAt,
    data: { transactionId, definition: 'steps', input },
  };
}

function tell(waiting: Waiting, rested: readonly Rested[]): void {
  for (const { record, standing } of rested) {
    waiting.get(record.transactionId)?.(standing.status);
    waiting.delete(record.transactionId);
  }
}

function urlOf(service: string): string {
  const url = process.env[`DATABASE_URL_${service}`];
  if (url === undefined) throw new Error(`${service} has no database`);
  return url;
}
