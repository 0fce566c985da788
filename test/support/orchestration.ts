/**
 * Orchestrators over the memory ports for specs of the runtime: started and killed by name, told by messages, and read by
 * their rows. Whoever plays a participant listens to its topic and answers by hand. It holds no test.
 */
import type { Half, Protocol, Reply, TransactionEvent } from '@sagamore/engine';
import { MemoryJournal, MemoryOutbox, type CommitHooks } from '@sagamore/memory';
import { seededRandom } from '@sagamore/primitives';
import {
  Coordinator,
  Definitions,
  Door,
  inboxTopic,
  OutboxRelay,
  startType,
  type CommandData,
  type CoordinatorHooks,
  type CoordinatorOptions,
  type DeclaredProtocol,
  type Message,
  type OutcomeData,
  type Wanted,
  type WishAnswer,
} from '@sagamore/runtime';
import { RuntimeRig, trusted } from './runtime.js';

const anything = trusted<unknown>();

/** A transaction's row, as far as specs look at it. */
export interface TransactionRow {
  readonly transactionId: string;
  readonly definition: string;
  readonly version: number;
  readonly shard: number;
  readonly status: string;
  readonly phase: string;
  readonly reason?: unknown;
  readonly updatedAt: number;
}

export interface StartOptions {
  readonly definitions: Definitions;
  readonly onCommit?: CommitHooks;
  readonly hooks?: CoordinatorHooks;
  readonly more?: Partial<CoordinatorOptions>;
}

export interface Orchestrator {
  readonly coordinator: Coordinator;
  readonly journal: MemoryJournal;
  readonly bus: ReturnType<RuntimeRig['process']>['bus'];
  /** Ends it as a kill would: nothing of it has any influence any more. */
  die(): void;
}

export class Orchestration {
  readonly rig = new RuntimeRig();
  private readonly running: Coordinator[] = [];
  /** Those of the orchestrator that was started last. */
  private definitions = new Definitions([]);

  constructor(readonly shardCount = 2) {}

  async open(): Promise<void> {
    await this.rig.process().bus.ensureTopics([{ topic: inboxTopic, partitions: this.shardCount }]);
  }

  async close(): Promise<void> {
    await Promise.all(this.running.splice(0).map((each) => each.stop()));
  }

  /** Resolves once it holds every shard. */
  async start(
    owner: string,
    { definitions, onCommit, hooks = {}, more = {} }: StartOptions,
  ): Promise<Orchestrator> {
    this.definitions = definitions;
    const { database, bus, clock } = this.rig.process(onCommit);
    const outbox = new MemoryOutbox(database);
    const journal = new MemoryJournal(database, outbox);
    const relay = new OutboxRelay(outbox, bus, clock, { owner });
    relay.start();
    const { shardCount } = this;
    const ports = { journal, relay, bus, clock, random: seededRandom(1) };
    const options = { owner, definitions, shardCount, takeoverGraceMs: 500, hooks, ...more };
    const coordinator = new Coordinator(ports, options);
    await coordinator.start();
    await this.rig.until(() => coordinator.holding.shards.length === shardCount);
    this.running.push(coordinator);
    const die = () => {
      this.running.splice(this.running.indexOf(coordinator), 1);
      database.crash();
      bus.crash();
    };
    return { coordinator, journal, bus, die };
  }

  /** Plays every participant of `topic`: answers each command, or says nothing. Returns what was asked for. */
  async participate(
    topic: string,
    answer: (command: CommandData) => Reply | undefined,
  ): Promise<readonly CommandData[]> {
    const asked: CommandData[] = [];
    const { bus } = this.rig.process();
    await bus.subscribe({
      topic,
      group: 'participant',
      handle: async (batch) => {
        const commands = batch.map(({ message }) => message as Message<CommandData>);
        asked.push(...commands.map(({ data }) => data));
        const replies = commands.flatMap((command) => {
          const reply = answer(command.data);
          return reply === undefined ? [] : [replyTo(command, reply)];
        });
        await bus.send(replies);
      },
    });
    return asked;
  }

  async send(...messages: readonly Message[]): Promise<void> {
    await this.rig.process().bus.send(messages);
  }

  async begin(transactionId: string, definition: string, input: unknown = {}): Promise<void> {
    await this.send(startOf(transactionId, definition, input));
  }

  /** As `begin`, and in the same breath somebody writes that something is wanted. */
  async beginAndHint(transactionId: string, definition: string): Promise<void> {
    await this.send(startOf(transactionId, definition, {}), hintOf(transactionId));
  }

  /** Somebody starts one, through a door of its own, and the message is lost. Answers its id. */
  async accept(protocol: Protocol, input: unknown = {}): Promise<string> {
    this.definitions = new Definitions([{ ...protocol, schemas: { input: anything } } as DeclaredProtocol]);
    const request = { definition: protocol.name, input, actor: 'ann', key: 'k-1', requestHash: 'h-1' };
    const answer = await this.door(true).start(request);
    if (answer.outcome !== 'accepted') throw new Error(`the start was ${answer.outcome}`);
    return answer.transactionId;
  }

  /** Somebody wants something, through a door of its own; what is accepted is published, unless `isLost`. */
  async wish(transactionId: string, wanted: Wanted, isLost = false, version?: number): Promise<WishAnswer> {
    const asked = {
      transactionId,
      wanted,
      actor: 'ann',
      reason: 'seen to',
      ...(version !== undefined && { version }),
    };
    return this.door(isLost).wish(asked);
  }

  private door(isLost: boolean): Door {
    const { definitions, shardCount: shards } = this;
    const { database, bus, clock } = this.rig.process();
    const outbox = new MemoryOutbox(database);
    const journal = new MemoryJournal(database, outbox);
    const relay = new OutboxRelay(outbox, bus, clock, { owner: 'door' });
    if (isLost) bus.crash();
    return new Door({ journal, definitions, relay }, { owner: 'door', shards });
  }

  /** Somebody writes to the inbox that something is wanted. */
  async hint(transactionId: string, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.send(hintOf(transactionId, more));
  }

  /** A participant's first answer to one half, as a message. */
  replyTo(transactionId: string, branchId: string, reply: Reply, operation: Half = 'action'): Message {
    const data = { transactionId, branchId, operation, generation: 1, attempt: 1, reply };
    return envelope(`${transactionId}/${branchId}/reply`, 'reply', {
      key: transactionId,
      partition: 0,
      data,
    });
  }

  /** An operator lets a parked transaction go on. */
  async resume(transactionId: string): Promise<void> {
    const { outcome } = await this.wish(transactionId, { type: 'operator-resumed' });
    if (outcome !== 'accepted') throw new Error(`the resumption of ${transactionId} was ${outcome}`);
  }

  get rows(): readonly TransactionRow[] {
    return this.rig.store.committed<TransactionRow>('transaction').map(([, row]) => row);
  }

  row(transactionId: string): TransactionRow | undefined {
    return this.rows.find((row) => row.transactionId === transactionId);
  }

  events(transactionId: string): readonly TransactionEvent[] {
    return this.rig.store
      .committed<{ seq: number; event: TransactionEvent }>('journal')
      .filter(([key]) => key.startsWith(transactionId))
      .toSorted(([, a], [, b]) => a.seq - b.seq)
      .map(([, { event }]) => event);
  }

  /** Resolves once the transaction stands as `status`; moves the clock by `stepMs` between looks. */
  async reaches(transactionId: string, status: string, stepMs = 0): Promise<void> {
    await this.rig.until(() => this.row(transactionId)?.status === status, stepMs);
  }
}

export function outcomeOf({ data }: Message): OutcomeData {
  return data as OutcomeData;
}

function replyTo({ id, key, data }: Message<CommandData>, reply: Reply): Message {
  const { transactionId, branchId, operation, generation, attempt, replyTo: to } = data;
  const told = { transactionId, branchId, operation, generation, attempt, reply };
  return envelope(`${id}/${reply.outcome}`, 'reply', { key, partition: to.partition, data: told });
}

function startOf(transactionId: string, definition: string, input: unknown): Message {
  const data = { transactionId, definition, input };
  return envelope(`${transactionId}/start`, startType, { key: transactionId, partition: 0, data });
}

function hintOf(transactionId: string, more: Readonly<Record<string, unknown>> = {}): Message {
  const data = { transactionId, ...more };
  return envelope(`${transactionId}/hint`, 'transaction.wish', { key: transactionId, partition: 0, data });
}

function envelope(
  id: string,
  type: string,
  rest: { readonly key: string; readonly partition: number; readonly data: unknown },
): Message {
  return { id, type, source: 'test', topic: inboxTopic, occurredAt: 0, ...rest };
}
