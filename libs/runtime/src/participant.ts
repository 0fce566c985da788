/**
 * A service's side of every transaction: a batch of commands in, replies out, each command in effect at most once
 * (architecture §6 rows 6 and 8). It checks what came over the wire, sends local and external work down their own
 * roads, and answers. It decides nothing: the barrier's `judge` does.
 */
import assert from 'node:assert/strict';
import { failed, isAlarming, isHalf, messageTypeFor, partOf, type Half, type Reply } from '@sagamore/engine';
import { isUuid } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import { branchName, branchOf, lateReply, type Commanded, type Job } from './branch.js';
import { bury, deadLetter, type DeadLetterData } from './dead-letters.js';
import { ExternalBranches, type ExternalSettings } from './external-branches.js';
import type { ExternalHandler, Handler } from './handler.js';
import type { InDoubtSettings } from './in-doubt-sweep.js';
import type { CallsUnderWay } from './limiter.js';
import { LocalBranches, type LocalJob } from './local-branches.js';
import type { ExternalJob } from './outcome-recorder.js';
import { schemaProblem } from './operation.js';
import { sendApart } from './send-apart.js';
import {
  isGeneration,
  commandTopic,
  replyMessage,
  settlementTopic,
  settlementTypesOf,
  type CommandData,
  type Message,
} from './message.js';
import {
  aloneHandlerOf,
  PreparedBranches,
  settledOtherwise,
  type PreparedHooks,
  type PreparedJob,
} from './prepared-branches.js';
import { probedMessage, probeTypeOf } from './probe.js';
import { ProbedBranches } from './probed-branches.js';
import type {
  ActiveSubscription,
  Barrier,
  Bus,
  Clock,
  Database,
  Delivery,
  Intents,
  Prepared,
} from './ports.js';

export interface ParticipantPorts {
  readonly database: Database;
  readonly barrier: Barrier;
  readonly intents: Intents;
  readonly bus: Bus;
  readonly clock: Clock;
  /** Needed where a handler is prepared. Where it is given, what an earlier version has left in doubt is asked about and
   *  settled, though no handler is prepared any more: it keeps its locks until somebody does (I19). */
  readonly prepared?: Prepared;
}

export interface ParticipantOptions
  extends ExternalSettings, Partial<Pick<InDoubtSettings, 'shardCount' | 'doubtAfterMs' | 'onInDoubt'>> {
  /** The service's name: its commands come on `<service>.commands`. */
  readonly service: string;
  readonly handlers: readonly Handler[];
  /** Told of a settlement that was refused because the other one has the seat, or nothing is held: no network does that,
   *  so a person must see it (S12). */
  readonly onAlarm?: (command: Message<CommandData>) => void;
  /** Told of faults that the participant survives by itself; for logs. */
  readonly onFault?: (error: unknown) => void;
  /** Told of each command with its answer, when it is about to go out; for traces and metrics. It must not throw. */
  readonly onHandled?: (handled: HandledMessage) => void;
}

/** A command with its answer. `from` and `until`: ms of the store's clock; equal where a sweep took it up. */
export interface HandledMessage {
  readonly command: Message<CommandData>;
  readonly reply: Reply;
  readonly from: number;
  readonly until: number;
}

/** Work, a decision on what was prepared, a question what became of work, a body its handler could never take, or no command at all. */
type Read =
  | { readonly job: Job }
  | { readonly settlement: Commanded }
  | { readonly probe: Commanded }
  | { readonly reply: Message }
  | { readonly reason: string };

/** One a service and process. Between `start()` and `stop()` it answers every command sent to its service. */
export class Participant {
  private readonly handlers: ReadonlyMap<string, Handler>;
  private readonly local: LocalBranches;
  private readonly external: ExternalBranches;
  private readonly prepared: PreparedBranches | undefined;
  private readonly probed: ProbedBranches;
  private readonly settlements: ReadonlyMap<string, 'commit' | 'rollback'>;
  private readonly onFault: (error: unknown) => void;
  private readonly subscriptions: ActiveSubscription[] = [];

  constructor(
    private readonly ports: ParticipantPorts,
    private readonly options: ParticipantOptions,
  ) {
    this.handlers = new Map(options.handlers.map((handler) => [messageTypeOf(handler), handler]));
    this.onFault = options.onFault ?? (() => {});
    this.local = new LocalBranches(ports.database, ports.barrier, (_job, error) => this.onFault(error));
    this.external = new ExternalBranches(ports, options, {
      answer: (job, reply) => this.answerLater(job, reply),
      handlerOf: (command) => this.externalHandlerOf(command),
      onFault: this.onFault,
    });
    this.prepared = preparedBranches(ports, options, {
      answer: (job, reply) => this.answerLater(job, reply),
      onFault: this.onFault,
    });
    this.probed = new ProbedBranches(ports.database, ports.barrier, this.onFault);
    this.settlements = this.prepared === undefined ? new Map() : settlementTypesOf(options.service);
  }

  /** Drives what an earlier process left open, then takes commands. */
  async start(): Promise<void> {
    const { service } = this.options;
    this.external.start();
    // Decisions first: a vote is given only by one who can be told what came of it.
    if (this.prepared !== undefined) await this.subscribe(settlementTopic(service), `${service}.settlements`);
    await this.subscribe(commandTopic(service), service);
    this.prepared?.start();
  }

  /** Takes no new command, finishes those in hand. */
  async stop(): Promise<void> {
    await Promise.all(this.subscriptions.map((each) => each.stop()));
    await Promise.all([this.external.stop(), this.prepared?.stop()]);
  }

  healthy(): boolean {
    return this.subscriptions.length > 0 && this.subscriptions.every((each) => each.healthy());
  }

  /** Calls to the outside that run now, and those that wait for their turn. */
  get calls(): CallsUnderWay {
    return this.external.load;
  }

  private async subscribe(topic: string, group: string): Promise<void> {
    const handle = (batch: readonly Delivery[]): Promise<void> => this.handle(batch);
    this.subscriptions.push(await this.ports.bus.subscribe({ topic, group, handle }));
  }

  /** AFTER it resolves every command of the batch is answered, promised by an intent, or in the dead letters. */
  private async handle(batch: readonly Delivery[]): Promise<void> {
    const jobs: Job[] = [];
    const settlements: Commanded[] = [];
    const probes: Commanded[] = [];
    const letters: Message<DeadLetterData>[] = [];
    const replies: Message[] = [];
    for (const delivery of batch) {
      const read = await this.read(delivery);
      if ('job' in read) jobs.push(read.job);
      else if ('settlement' in read) settlements.push(read.settlement);
      else if ('probe' in read) probes.push(read.probe);
      else if ('reply' in read) replies.push(read.reply);
      else letters.push(deadLetter(delivery, read.reason));
    }
    this.prepared?.settle(settlements);
    for (const round of roundsOf(jobs)) replies.push(...(await this.settle(round)));
    replies.push(...(await this.findOut(probes)));
    await this.answerAll(replies);
    await bury(this.ports.bus, letters, this.onFault);
  }

  /** Where a reply goes is the command's word. One that names no such place is answered to nobody; the others must not
   *  wait for it (R2, B96). */
  private answerAll(replies: readonly Message[]): Promise<void> {
    return sendApart(this.ports.bus, replies, {
      hopeless: ['DATA_REJECTED', 'TOPIC_INVALID'],
      onHopeless: (_reply, fault) => this.onFault(fault),
    });
  }

  private async settle(jobs: readonly Job[]): Promise<readonly Message[]> {
    const local = jobs.filter(isLocal);
    const external = jobs.filter(isExternal);
    this.prepared?.prepare(jobs.filter(isPrepared));
    const [localReplies, externalReplies] = await Promise.all([
      this.local.settle(local),
      this.external.admit(external),
    ]);
    return [
      ...localReplies.map((reply, index) => this.replyTo(local[index]!, reply)),
      ...externalReplies.flatMap((reply, index) =>
        reply === undefined ? [] : [this.replyTo(external[index]!, reply)],
      ),
    ];
  }

  /** AFTER the work that came with them: an action that is here already can still be done. */
  private async findOut(probes: readonly Commanded[]): Promise<readonly Message[]> {
    const findings = await this.probed.answer(probes);
    const context = { source: this.options.service, at: this.ports.database.now() };
    return findings.map((finding, index) => probedMessage(probes[index]!.command, finding, context));
  }

  /** What a record turned out to be. */
  private async read(delivery: Delivery): Promise<Read> {
    const { message } = delivery;
    const arrivedAt = this.ports.database.now();
    if (!isCommand(message)) return { reason: 'not a command' };
    if (this.settlements.get(message.type) === message.data.operation)
      return { settlement: { command: message, arrivedAt } };
    if (message.type === probeTypeOf(this.options.service) && message.data.operation === 'action')
      return { probe: { command: message } };
    const handler = this.handlerOf(message);
    if (handler === undefined) return { reason: `no handler for ${message.type}` };
    if (!serves(handler, message.data.operation))
      return { reason: `${message.type} is not a ${message.data.operation}` };
    const problem = await payloadProblem(handler, message.data.payload);
    if (problem === undefined) return { job: { command: message, handler, arrivedAt } };
    const reply = failed({ code: 'MESSAGE_MALFORMED', message: problem, retryable: false });
    return { reply: this.replyTo({ command: message }, reply) };
  }

  private handlerOf({ type, data }: Message<CommandData>): Handler | undefined {
    const handler = this.handlers.get(type);
    return handler?.effect === 'prepared' && data.operation === 'action' ? aloneHandlerOf(handler) : handler;
  }

  private replyTo({ command, arrivedAt }: Commanded, reply: Reply): Message {
    const at = this.ports.database.now();
    if ((reply === lateReply || reply === settledOtherwise) && isAlarming(command.data, 'late'))
      this.options.onAlarm?.(command);
    this.options.onHandled?.({ command, reply, from: arrivedAt ?? at, until: at });
    return replyMessage(command, reply, { source: this.options.service, at });
  }

  /** A reply lost here is no loss: the coordinator asks again, and the barrier repeats what it saved. */
  private answerLater(job: Commanded, reply: Reply): void {
    this.ports.bus.send([this.replyTo(job, reply)]).catch((error: unknown) => {
      if (!(error instanceof Fault && error.code === 'STOPPED')) this.onFault(error);
    });
  }

  private externalHandlerOf(command: Message<CommandData>): ExternalHandler | undefined {
    const handler = this.handlers.get(command.type);
    return handler?.effect === 'external' ? handler : undefined;
  }
}

/** The message type a handler answers to. */
export function messageTypeOf({ operation, half }: Handler): string {
  const messageType = messageTypeFor(operation, half);
  if (messageType === undefined) throw new TypeError(`${operation.action} declares no ${half}`);
  return messageType;
}

/** A handler serves its own half. What only holds is held, kept and let go the same way under every protocol, so its
 *  handlers serve every half of the same part; the barrier keeps the protocols apart. */
function serves({ half, operation }: Handler, asked: Half): boolean {
  return half === asked || (operation.confirm !== undefined && partOf(half) === partOf(asked));
}

function isLocal(job: Job): job is LocalJob {
  return job.handler.effect === 'local';
}

function isExternal(job: Job): job is ExternalJob {
  return job.handler.effect === 'external';
}

function isPrepared(job: Job): job is PreparedJob {
  return job.handler.effect === 'prepared';
}

/** Only where there is a port to prepare with; where some handler is prepared, what it takes must be there. */
function preparedBranches(
  { prepared, ...ports }: ParticipantPorts,
  { service, handlers, shardCount, doubtAfterMs, onInDoubt }: ParticipantOptions,
  hooks: PreparedHooks,
): PreparedBranches | undefined {
  const handler = handlers.find(({ effect }) => effect === 'prepared');
  const what = `${handler?.operation.action} is prepared, and ${service} has`;
  assert(handler === undefined || prepared !== undefined, `${what} no port to prepare with`);
  if (prepared === undefined) return undefined;
  assert(shardCount !== undefined, `${service} has no count of shards to ask when it is in doubt`);
  const settings = {
    service,
    shardCount,
    ...(doubtAfterMs !== undefined && { doubtAfterMs }),
    ...(onInDoubt !== undefined && { onInDoubt }),
  };
  return new PreparedBranches({ ...ports, prepared }, settings, hooks);
}

/** Rounds in which each branch occurs once, in the order of arrival: within one transaction the barrier can not see the
 *  rows it is about to insert. Nearly always one round. */
function roundsOf(jobs: readonly Job[]): readonly (readonly Job[])[] {
  const rounds: Job[][] = [];
  const seen = new Map<string, number>();
  for (const job of jobs) {
    const name = branchName(branchOf(job));
    const round = seen.get(name) ?? 0;
    seen.set(name, round + 1);
    (rounds[round] ??= []).push(job);
  }
  return rounds;
}

/** Anybody may write to a topic, so the envelope's body is checked before it is believed (B96, B97). */
function isCommand(message: Message): message is Message<CommandData> {
  const data = message.data;
  if (typeof data !== 'object' || data === null) return false;
  const { transactionId, branchId, operation, generation, attempt, replyTo } = data as Partial<CommandData>;
  return (
    typeof transactionId === 'string' &&
    isUuid(transactionId) &&
    typeof branchId === 'string' &&
    branchId.length > 0 &&
    branchId.length <= 200 &&
    isHalf(operation) &&
    isCount(generation) &&
    isGeneration(generation) &&
    isCount(attempt) &&
    typeof replyTo === 'object' &&
    replyTo !== null &&
    typeof replyTo.topic === 'string' &&
    Number.isInteger(replyTo.partition)
  );
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1;
}

/** Why the payload does not fit its operation, without quoting its values; undefined when it does. */
async function payloadProblem(handler: Handler, payload: unknown): Promise<string | undefined> {
  const value = partOf(handler.half) === 'does' ? payload : (payload as { input?: unknown } | null)?.input;
  const paths = await schemaProblem(handler.operation, 'input', value);
  return paths === undefined
    ? undefined
    : `the payload does not fit ${handler.operation.action} at: ${paths}`;
}
