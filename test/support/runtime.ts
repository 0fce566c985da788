/**
 * The runtime's ports in one process for its specs: a clock moved by hand, a store, a broker, and somebody who listens.
 * Nothing here waits for real time; `until` lets promises and deliveries run, and moves the clock when it is told to.
 */
import {
  MemoryBarrier,
  MemoryBroker,
  MemoryBus,
  MemoryDatabase,
  MemoryIntents,
  MemoryStore,
} from '@sagamore/memory';
import type { CommitHooks } from '@sagamore/memory';
import { ManualClock } from '@sagamore/memory';
import type { Half } from '@sagamore/engine';
import { inboxTopic, type CommandData, type Delivery, type Message, type ReplyData } from '@sagamore/runtime';

export const transactionOne = '01a3185c-5001-7a00-8a00-000000000001';
export const transactionTwo = '01a3185c-5002-7a00-8a00-000000000002';
export const transactionThree = '01a3185c-5003-7a00-8a00-000000000003';

/** A schema that believes everything. */
export function trusted<T>() {
  return {
    '~standard': {
      version: 1 as const,
      vendor: 'sagamore',
      validate: (value: unknown) => ({ value: value as T }),
    },
  };
}

/** What outlives the processes of one spec. */
export class RuntimeRig {
  readonly clock = new ManualClock(1_000);
  readonly broker = new MemoryBroker();
  readonly store = new MemoryStore();

  /** One process's ports. */
  process(onCommit?: CommitHooks) {
    const { clock, broker, store } = this;
    const database = new MemoryDatabase({ clock, store, ...(onCommit === undefined ? {} : { onCommit }) });
    const barrier = new MemoryBarrier();
    const intents = new MemoryIntents(database);
    const bus = new MemoryBus({ clock, broker });
    return { clock, database, barrier, intents, bus };
  }

  /** Everything that arrives on a topic from now on, in order. */
  async listen(topic: string): Promise<Message[]> {
    const heard: Message[] = [];
    const bus = new MemoryBus({ clock: this.clock, broker: this.broker });
    const handle = async (batch: readonly Delivery[]) => {
      heard.push(...batch.map(({ message }) => message));
    };
    await bus.subscribe({ topic, group: 'listener', handle });
    return heard;
  }

  /** Resolves once `isTrue`; moves the clock by `stepMs` between looks. Rejects after 2 000 looks. */
  async until(isTrue: () => boolean, stepMs = 0): Promise<void> {
    for (let looks = 0; looks < 2_000; looks++) {
      if (isTrue()) return;
      if (stepMs > 0) await this.clock.advanceAsync(stepMs);
      else await turn();
    }
    throw new Error('what was waited for did not come');
  }

  /** Lets everything run that is under way, without moving the clock. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < 20; turns++) await turn();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export interface AskedFor {
  readonly type: string;
  readonly transactionId?: string;
  readonly branchId?: string;
  readonly half?: Half;
  readonly generation?: number;
  readonly attempt?: number;
  readonly payload?: unknown;
}

/** A command as the coordinator would send it. */
export function command({
  type,
  transactionId = transactionOne,
  branchId = 'a-step',
  half = 'action',
  generation = 1,
  attempt = 1,
  payload = {},
}: AskedFor): Message<CommandData> {
  return {
    id: `${transactionId}/${branchId}/${half}/${generation}/${attempt}`,
    type,
    source: 'orchestrator',
    topic: `${type.slice(0, type.indexOf('.'))}.commands`,
    key: transactionId,
    occurredAt: 0,
    data: {
      transactionId,
      branchId,
      operation: half,
      generation,
      attempt,
      replyTo: { topic: inboxTopic, partition: 0 },
      payload,
    },
  };
}

/** The body of a reply that was heard. */
export function replyOf(message: Message | undefined): ReplyData['reply'] {
  const data = message?.data as ReplyData | undefined;
  if (data === undefined) throw new Error('no reply was heard');
  return data.reply;
}
