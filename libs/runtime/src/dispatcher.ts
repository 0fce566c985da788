/**
 * Sends the commands that decisions imply, AFTER the commit that implies them, and lets their time-outs begin to run once
 * the broker has acknowledged. It remembers nothing of what it sent: the state can name it again (architecture §6).
 */
import type { ProtocolCommand, RunLocalCommand } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import type { Called } from './called-branches.js';
import { childMessage } from './children.js';
import type { Decision, LiveTransaction } from './decision.js';
import type { LiveTransactions } from './live-transactions.js';
import { commandMessage, inboxTopic, type Message, type TraceContext } from './message.js';
import type { Bus, Journal } from './ports.js';
import { probeMessage } from './probe.js';
import type { Traffic } from './traffic.js';

export interface DispatcherOptions {
  readonly shardCount: number;
  /** How long an attempt that was sent again at a takeover is given at least, ms. */
  readonly graceMs: number;
  /** Runs a function of the definition, and waits for nothing. */
  readonly runLocal: (live: LiveTransaction, command: RunLocalCommand) => void;
  /** Calls a participant, and waits for nothing. */
  readonly call: (live: LiveTransaction, command: Called) => void;
  /** What may go to participants now, and what has to wait. */
  readonly traffic: Traffic;
  readonly onFault: (error: unknown) => void;
  /** What commands carry for traces. Default: that they belong to their transaction. */
  readonly traceparent?: TraceContext;
}

export class Dispatcher {
  constructor(
    private readonly ports: { readonly bus: Bus; readonly journal: Journal },
    private readonly live: LiveTransactions,
    private readonly options: DispatcherOptions,
  ) {}

  /** Sends what the decisions imply. Time-outs begin to run when the broker has acknowledged: a broker that is away
   *  costs no attempt (S56). */
  async publish(decisions: readonly Decision[]): Promise<void> {
    const { journal } = this.ports;
    const decidedAt = journal.now();
    for (const decision of decisions) this.sound(decision);
    for (const decision of decisions) this.begin(decision);
    for (const decision of decisions) this.options.traffic.follow(decision);
    try {
      await this.send(decisions.map((decision) => this.messagesOf(this.admitted(decision), decidedAt)));
    } finally {
      // Whatever became of the send: a transaction that nothing falls due for would never be thought of again.
      const delayMs = journal.now() - decidedAt;
      for (const { after } of decisions) this.live.arm(after.record.transactionId, delayMs);
    }
  }

  /** Takes revived transactions into memory and sends what is outstanding of them; a participant that has answered
   *  already answers the same again. */
  async resume(revived: readonly LiveTransaction[]): Promise<void> {
    for (const live of revived) this.live.set(live);
    const at = this.ports.journal.now();
    const outstanding = revived.map((after) => after.protocol.outstanding(after.state));
    revived.forEach((after, index) => this.begin({ after, commands: outstanding[index]! }));
    await this.send(
      revived.map((after, index) =>
        this.messagesOf(this.admitted({ after, commands: outstanding[index]! }), at),
      ),
    );
    const earliest = this.ports.journal.now() + this.options.graceMs;
    revived.forEach(({ record }, index) => {
      this.live.arm(record.transactionId, 0, outstanding[index]!.length > 0 ? earliest : 0);
    });
  }

  /** Sends what had to wait and need not any more. It is given the grace at least: what the state says of its time was
   *  said when it began to wait. */
  async release(): Promise<void> {
    const released = this.options.traffic.take();
    if (released.length === 0) return;
    const at = this.ports.journal.now();
    try {
      await this.send(released.map((each) => this.messagesOf(each, at)));
    } finally {
      const earliest = this.ports.journal.now() + this.options.graceMs;
      for (const { after } of released) this.live.arm(after.record.transactionId, 0, earliest);
    }
  }

  private admitted({
    after,
    commands,
  }: Pick<Decision, 'after' | 'commands'>): Pick<Decision, 'after' | 'commands'> {
    const { traffic } = this.options;
    const isAdmitted = (command: ProtocolCommand): boolean =>
      !isSent(command) || isCalled(command) || traffic.admits(after, command);
    return { after, commands: commands.filter(isAdmitted) };
  }

  /** What is not sent: functions and calls. */
  private begin({ after, commands }: Pick<Decision, 'after' | 'commands'>): void {
    for (const command of commands) {
      if (command.type === 'run-local') this.options.runLocal(after, command);
      else if (isCalled(command)) this.options.call(after, command);
    }
  }

  /** A deadline behind the pivot is no reason to undo anything, only to tell somebody (S28). */
  private sound({ after, commands }: Decision): void {
    if (!commands.some(({ type }) => type === 'alarm')) return;
    const message = `transaction ${after.record.transactionId} is past its deadline and cannot turn back`;
    this.options.onFault(new Fault('DEADLINE_EXCEEDED', message, { retryable: false }));
  }

  private messagesOf(
    { after, commands }: Pick<Decision, 'after' | 'commands'>,
    at: number,
  ): readonly Message[] {
    return commands.flatMap((command) => this.messageOf(after, command, at) ?? []);
  }

  /** Of what does not go out on the bus from here there is no message: a function is run, a fact is in the outbox. */
  private messageOf(
    { record: parent }: LiveTransaction,
    command: ProtocolCommand,
    at: number,
  ): Message | undefined {
    const { transactionId, shard: partition } = parent;
    if (isCalled(command)) return undefined;
    const { traceparent } = this.options;
    const replyTo = { topic: inboxTopic, partition };
    const context = { transactionId, replyTo, at, ...(traceparent !== undefined && { traceparent }) };
    switch (command.type) {
      case 'send':
        return commandMessage(command, context);
      case 'probe':
        return probeMessage(command, context);
      case 'start-child':
      case 'undo-child':
        return childMessage(command, { parent, shardCount: this.options.shardCount, at });
      default:
        return undefined;
    }
  }

  /** One send for all. When the broker can never take one of the messages, each transaction is sent by itself, so that
   *  the culprit holds nobody else (R2); its own attempt then times out. */
  private async send(groups: readonly (readonly Message[])[]): Promise<void> {
    const messages = groups.flat();
    if (messages.length === 0) return;
    try {
      await this.ports.bus.send(messages);
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'DATA_REJECTED')) throw error;
      this.options.onFault(error);
      if (groups.length > 1) for (const group of groups) await this.send([group]);
    }
  }
}

function isSent(command: ProtocolCommand): command is Called {
  return command.type === 'send' || command.type === 'probe';
}

function isCalled(command: ProtocolCommand): command is Called & { readonly transport: 'http' } {
  return isSent(command) && command.transport === 'http';
}
