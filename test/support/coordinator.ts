/**
 * A coordinator over the ports in memory, for specs that play every participant themselves: what it is told goes through
 * its inbox, what it asks is heard on the command topics. Nothing here judges.
 */
import type { Protocol, Reply } from '@sagamore/engine';
import { MemoryJournal, MemoryOutbox } from '@sagamore/memory';
import { seededRandom } from '@sagamore/primitives';
import {
  Coordinator,
  Definitions,
  inboxTopic,
  OutboxRelay,
  startType,
  type CommandData,
  type CoordinatorHooks,
  type CoordinatorOptions,
  type CoordinatorPorts,
  type Message,
  type ReplyData,
} from '@sagamore/runtime';
import type { RuntimeRig } from './runtime.js';

export interface Hosting extends Partial<Omit<CoordinatorOptions, 'definitions' | 'hooks'>> {
  readonly protocols: readonly Protocol[];
  readonly hooks?: CoordinatorHooks;
  /** Further ports. */
  readonly ports?: Partial<CoordinatorPorts>;
}

/** Starts one process of the orchestrator; its inbox has one partition. Resolves once it holds its shard. */
export async function host(rig: RuntimeRig, { protocols, hooks, ports, ...options }: Hosting) {
  const { database, bus, clock } = rig.process();
  await bus.ensureTopics([{ topic: inboxTopic, partitions: 1 }]);
  const owner = options.owner ?? 'a';
  const outbox = new MemoryOutbox(database);
  const journal = new MemoryJournal(database, outbox);
  const relay = new OutboxRelay(outbox, bus, clock, { owner });
  const coordinator = new Coordinator(
    { journal, relay, bus, clock, random: seededRandom(1), ...ports },
    {
      shardCount: 1,
      takeoverGraceMs: 500,
      ...options,
      owner,
      definitions: new Definitions(protocols),
      ...(hooks === undefined ? {} : { hooks }),
    },
  );
  await coordinator.start();
  await rig.until(() => coordinator.holding.shards.length > 0);
  const die = (): void => {
    database.crash();
    bus.crash();
  };
  return { coordinator, journal, database, bus, die };
}

export function startOf(transactionId: string, definition: string, input: unknown = {}): Message {
  return inboxMessage(`${transactionId}/start`, startType, { transactionId, definition, input });
}

/** What a participant answers to a command. */
export function answerTo({ id, data }: Message<CommandData>, reply: Reply): Message<ReplyData> {
  const { transactionId, branchId, operation, generation, attempt } = data;
  const body = { transactionId, branchId, operation, generation, attempt, reply };
  return inboxMessage(`${id}/${reply.outcome}`, 'reply', body);
}

export function inboxMessage<Data extends { readonly transactionId: string }>(
  id: string,
  type: string,
  data: Data,
): Message<Data> {
  const { transactionId: key } = data;
  return { id, type, source: 'test', topic: inboxTopic, key, partition: 0, occurredAt: 0, data };
}

/** Where a transaction stands by its row. */
export function statusOf(rig: RuntimeRig, transactionId: string): string | undefined {
  const rows = rig.store.committed<{ readonly status: string }>('transaction');
  return rows.find(([key]) => key === transactionId)?.[1].status;
}
