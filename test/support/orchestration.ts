/**
 * Orchestrators over the memory ports for specs of the runtime: started and killed by name, told by messages, and read by
 * their rows. Whoever plays a participant listens to its topic and answers by hand. It holds no test.
 */
import type { Reply, TransactionEvent } from '@sagamore/engine';
import { MemoryJournal, MemoryOutbox, type CommitHooks } from '@sagamore/memory';
import { seededRandom } from '@sagamore/primitives';
import {
  Coordinator,
  inboxTopic,
  OutboxRelay,
  resumeType,
  startType,
  type CommandData,
  type CoordinatorHooks,
  type CoordinatorOptions,
  type Definitions,
  type Message,
  type OutcomeData,
  type ResumeData,
} from '@sagamore/runtime';
import { RuntimeRig } from './runtime.js';

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
    const data = { transactionId, definition, input };
    await this.send(
      envelope(`${transactionId}/start`, startType, { key: transactionId, partition: 0, data }),
    );
  }

  /** An operator's wish for the rest in which the transaction now is. */
  async resume(transactionId: string): Promise<void> {
    const row = this.row(transactionId);
    if (row === undefined) throw new Error(`there is no ${transactionId}`);
    const { shard: partition, updatedAt: parkedAt } = row;
    const data: ResumeData = { transactionId, parkedAt, actor: 'ann', reason: 'seen to' };
    await this.send(envelope(`${transactionId}/resume`, resumeType, { key: transactionId, partition, data }));
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

function envelope(
  id: string,
  type: string,
  rest: { readonly key: string; readonly partition: number; readonly data: unknown },
): Message {
  return { id, type, source: 'test', topic: inboxTopic, occurredAt: 0, ...rest };
}
