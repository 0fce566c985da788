/**
 * The sender's side of a two-phase message: announced BEFORE its local transaction, submitted AFTER it, and settled by
 * check-back whatever happens in between (S74). The transaction and whoever asks about it compete for one row of the
 * barrier, and meanwhile for the branch itself, so that an open transaction is never taken for one that will not be (S75).
 */
import {
  committedMarker,
  judgeCheckBack,
  mayBegin,
  refused,
  succeeded,
  type Reply,
  type TransactionId,
  type TwoPhaseMessageDefinition,
} from '@sagamore/engine';
import { shardOf } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import type { HandledCommand, LocalHandler } from './handler.js';
import { startType } from './inbox.js';
import { inboxTopic, traceparentOf, type Message, type ReplyData, type StartData } from './message.js';
import type { DeclaredOperation } from './operation.js';
import type { Barrier, BranchKey, Bus, Database, Tx } from './ports.js';

export interface TwoPhaseSenderPorts {
  readonly database: Database;
  readonly barrier: Barrier;
  readonly bus: Bus;
}

export interface TwoPhaseSenderOptions {
  readonly service: string;
  /** Partitions of the orchestrator's inbox. */
  readonly shardCount: number;
  /** Told of a submission that could not be sent; check-back makes up for it. */
  readonly onFault: (error: unknown) => void;
}

/** What is to be delivered: the definition, or as much of it as the sender must know, and what it starts from.
 *  `transactionId`: a UUID, new for each message. */
export interface TwoPhaseMessage<Input> {
  readonly definition: Pick<TwoPhaseMessageDefinition<Input>, 'name' | 'sender' | 'types'>;
  readonly transactionId: TransactionId;
  readonly input: NoInfer<Input>;
}

/** One a service. The service must also answer check-backs, with `checkBackHandler`. */
export class TwoPhaseSender {
  constructor(
    private readonly ports: TwoPhaseSenderPorts,
    private readonly options: TwoPhaseSenderOptions,
  ) {}

  /** Does `work` in one local transaction; the message is delivered if, and only if, that commits, also when this process
   *  dies at any point. Resolves AFTER the commit, with what `work` answered. Announcing waits for the broker. Rejects
   *  with what `work` threw, with the database's fault, with `BARRIER_CONFLICT` while somebody asks about this very
   *  message, and with `MESSAGE_DISCARDED` when he was already told that it will not be (S76); use a new id then. After
   *  `COMMIT_UNKNOWN` the check-back finds out. */
  async send<Input, Result>(
    message: TwoPhaseMessage<Input>,
    work: (tx: Tx) => Promise<Result>,
  ): Promise<Result> {
    await this.ports.bus.send([this.announcement(message)]);
    const result = await this.ports.database.transaction(async (tx) => {
      await this.claim(tx, branchOf(message));
      return work(tx);
    });
    // Not awaited: what it says is durable, and whoever misses it asks.
    this.ports.bus.send([this.submission(message)]).catch(this.options.onFault);
    return result;
  }

  /** The marker is the transaction's first word, and it is held from here to the commit. */
  private async claim(tx: Tx, branch: BranchKey): Promise<void> {
    const { barrier } = this.ports;
    const { transactionId } = branch;
    if (!(await barrier.hold(tx, branch)))
      throw new Fault('BARRIER_CONFLICT', `${transactionId} is being asked about`, { retryable: true });
    if (!mayBegin(await barrier.find(tx, [branch])))
      throw new Fault('MESSAGE_DISCARDED', `${transactionId} was sent or discarded before`, {
        retryable: false,
      });
    await barrier.insert(tx, [{ ...branch, ...committedMarker, reply: yes }]);
  }

  private announcement<Input>(message: TwoPhaseMessage<Input>): Message<StartData> {
    const { transactionId, definition, input } = message;
    const data = { transactionId, definition: definition.name, input };
    return { ...this.envelope(message), id: `${transactionId}/start`, type: startType, data };
  }

  /** The sender's word is a reply that nobody asked for. */
  private submission<Input>(message: TwoPhaseMessage<Input>): Message<ReplyData> {
    const branch = branchOf(message);
    const type = `${message.definition.sender.operation.action}.${yes.outcome}`;
    const data = { ...branch, operation: 'action', generation: 1, attempt: 1, reply: yes } as const;
    return { ...this.envelope(message), id: `${branch.transactionId}/submission`, type, data };
  }

  private envelope<Input>({ transactionId }: TwoPhaseMessage<Input>) {
    const { service: source, shardCount } = this.options;
    return {
      source,
      topic: inboxTopic,
      key: transactionId,
      partition: shardOf(transactionId, shardCount),
      occurredAt: this.ports.database.now(),
      traceparent: traceparentOf(transactionId),
    };
  }
}

/** Answers the check-backs of one message's `sender`: yes, a no that binds, or not yet. An ordinary handler, whose row is
 *  the no; it waits for nobody. */
export function checkBackHandler(
  operation: DeclaredOperation<unknown, unknown>,
  barrier: Barrier,
): LocalHandler {
  return {
    effect: 'local',
    operation,
    half: 'action',
    handle: async (commands, tx) => {
      const replies: Reply[] = [];
      for (const command of commands) replies.push(await checkBack(barrier, command, tx));
      return replies;
    },
  };
}

/** The rows are read AFTER the branch is held: the transaction may have committed since the batch looked. */
async function checkBack(
  barrier: Barrier,
  { transactionId, branchId }: HandledCommand,
  tx: Tx,
): Promise<Reply> {
  const branch = { transactionId, branchId };
  const isOpen = !(await barrier.hold(tx, branch));
  const found = await barrier.find(tx, [branch]);
  switch (judgeCheckBack({ found, isOpen })) {
    case 'committed':
      return yes;
    case 'not-yet':
      return { outcome: 'in-progress' };
    case 'rolled-back':
    case 'plant':
      return refused('rolled-back');
  }
}

const yes: Reply = succeeded({});

function branchOf<Input>({ transactionId, definition }: TwoPhaseMessage<Input>): BranchKey {
  return { transactionId, branchId: definition.sender.name };
}
