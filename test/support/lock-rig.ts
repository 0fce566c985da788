/**
 * A saga that takes two keys, one after the other, for the specs of semantic locks in memory and on Postgres: its starts,
 * its commands as a participant hears them, and the answers to them. The spec says who runs it and over which store.
 */
import { saga, sagaProtocol, succeeded, type LockPolicy } from '@sagamore/engine';
import type { MemoryBus } from '@sagamore/memory';
import {
  Definitions,
  inboxTopic,
  operation,
  replyMessage,
  startType,
  type CommandData,
  type Delivery,
  type Message,
} from '@sagamore/runtime';
import { trusted } from './runtime.js';

export interface Keys {
  readonly first: string;
  readonly second?: string;
}

interface Held {
  readonly key: string;
  readonly version: number;
}

const hold = operation('stock.hold', { input: trusted<Held>(), output: trusted<unknown>(), undo: 'return' });
const change = operation('stock.change', {
  input: trusted<Held>(),
  output: trusted<unknown>(),
  undo: 'revert',
});
const patience = { timeoutMs: 60_000 };

function define(policy: LockPolicy) {
  return saga<Keys>(`take-keys-${policy}`, { version: 1 })
    .lock('first-lock', ({ input }) => input.first, { policy })
    .step('hold', hold, ({ results }) => results['first-lock'], patience)
    .when(
      ({ input }) => input.second !== undefined,
      (branch) =>
        branch
          .lock('second-lock', ({ input }) => input.second ?? '', { policy })
          .step('change', change, ({ results }) => results['second-lock'], patience),
    )
    .define();
}

export const lockDefinitions = () =>
  new Definitions(
    (['wait', 'fail', 'commutative', 'reread'] as const).map((policy) => sagaProtocol(define(policy))),
  );

/** The participant, played by the test. */
export class LockRig {
  readonly commands: Message<CommandData>[] = [];

  constructor(private readonly bus: MemoryBus) {}

  async listen(): Promise<void> {
    const handle = async (batch: readonly Delivery[]) => {
      this.commands.push(...batch.map(({ message }) => message as Message<CommandData>));
    };
    await this.bus.subscribe({ topic: 'stock.commands', group: 'participant', handle });
  }

  /** Starts a transaction on a shard of the inbox. */
  async start(transactionId: string, shard: number, input: Keys, policy: LockPolicy = 'wait'): Promise<void> {
    const data = { transactionId, definition: `take-keys-${policy}`, input };
    const id = `${transactionId}/start`;
    const envelope = { id, type: startType, source: 'test', topic: inboxTopic, partition: shard };
    await this.bus.send([{ ...envelope, key: transactionId, occurredAt: 0, data }]);
  }

  /** What a transaction has asked for so far: the message types, without repeats. */
  askedBy(transactionId: string): readonly string[] {
    const own = this.commands.filter(({ key }) => key === transactionId);
    return [...new Set(own.map(({ type }) => type))];
  }

  /** The payload of what was asked last under that type. */
  payloadOf(transactionId: string, type: string): unknown {
    return this.commands.findLast((each) => each.key === transactionId && each.type === type)?.data.payload;
  }

  /** Answers what was asked last under that type with a yes. */
  async answer(transactionId: string, type: string): Promise<void> {
    const command = this.commands.findLast((each) => each.key === transactionId && each.type === type);
    if (command === undefined) throw new Error(`${transactionId} has not asked for ${type}`);
    await this.bus.send([replyMessage(command, succeeded({}), { source: 'stock', at: 0 })]);
  }
}
