/**
 * One service alone, as its process runs it, but on a bus in memory: a test sends it commands as the coordinator would
 * and reads its replies. Everything between the bus and the database is the real thing.
 */
import type { Half, Operation, Reply } from '@sagamore/engine';
import { MemoryBus } from '@sagamore/memory';
import { bootstrap, readConfig, type BootstrapOptions } from '@sagamore/platform';
import { commandMessage, eventTopic, inboxTopic, SystemClock, type Message } from '@sagamore/runtime';

/** Which half of which transaction's branch is asked for, with what. The branch is named after the action. */
export interface Question {
  readonly operation: Operation;
  readonly transactionId: string;
  /** Default `action`. */
  readonly half?: Half;
  readonly payload: unknown;
  /** Default 1. */
  readonly attempt?: number;
}

export interface AskedParticipant {
  /** Sends the commands in one go; resolves with the reply to each, in order, `in-progress` passed over.
   *  Rejects after 15 s without all of them. */
  ask(questions: readonly Question[]): Promise<readonly Reply[]>;
  /** The first message of this type that the service tells on its event topic. Rejects after 15 s without one. */
  told(type: string): Promise<Message>;
  stop(): Promise<void>;
}

export interface AskedParticipantOptions extends Pick<BootstrapOptions, 'service' | 'module'> {
  readonly databaseUrl: string;
  /** Further settings, by their names in the environment. */
  readonly settings?: Readonly<Record<string, string>>;
}

interface ReplyBody {
  readonly transactionId: string;
  readonly branchId: string;
  readonly operation: Half;
  readonly attempt: number;
  readonly reply: Reply;
}

const silenceMsMax = 15_000;

/** Starts the service on a free port and a bus of its own. Whoever calls it must call `stop` in the end. */
export async function askedParticipant(options: AskedParticipantOptions): Promise<AskedParticipant> {
  const { service, module, databaseUrl, settings = {} } = options;
  const bus = new MemoryBus({ clock: new SystemClock() });
  const databases = { [`DATABASE_URL_${service.toUpperCase()}`]: databaseUrl };
  const config = readConfig({ LOG_LEVEL: 'silent', SHARDS: '1', PARTITIONS: '1', ...databases, ...settings });
  const replies = new Map<string, (reply: Reply) => void>();
  const events = new Map<string, PromiseWithResolvers<Message>>();
  const running = await bootstrap({ service, module, config, bus, port: 0 });
  await bus.subscribe({
    topic: inboxTopic,
    group: 'test',
    handle: async (batch) => {
      for (const { message } of batch) if (isReplyBody(message.data)) take(replies, message.data);
    },
  });
  await bus.subscribe({
    topic: eventTopic(service),
    group: 'test',
    handle: async (batch) => {
      for (const { message } of batch) eventOf(events, message.type).resolve(message);
    },
  });
  return {
    told: (type) => withDeadline(eventOf(events, type).promise, type),
    stop: running.stop,
    ask: async (questions) => {
      const answers = Promise.all(questions.map((question) => answerTo(replies, question)));
      await bus.send(questions.map(commandFor));
      return answers;
    },
  };
}

function commandFor({ operation, half = 'action', attempt = 1, ...question }: Question): Message {
  const { action, compensation, participant } = operation;
  const messageType = half === 'action' ? action : (compensation ?? `${action}/undo`);
  const { transactionId, payload } = question;
  return commandMessage(
    {
      type: 'send',
      participant,
      messageType,
      branchId: action,
      operation: half,
      generation: 1,
      attempt,
      payload,
    },
    { transactionId, replyTo: { topic: inboxTopic, partition: 0 }, at: 0 },
  );
}

function answerTo(replies: Map<string, (reply: Reply) => void>, question: Question): Promise<Reply> {
  const { operation, transactionId, half = 'action', attempt = 1 } = question;
  const name = nameOf({ transactionId, branchId: operation.action, operation: half, attempt });
  const { promise, resolve } = Promise.withResolvers<Reply>();
  replies.set(name, resolve);
  return withDeadline(promise, name);
}

function eventOf(
  events: Map<string, PromiseWithResolvers<Message>>,
  type: string,
): PromiseWithResolvers<Message> {
  const event = events.get(type) ?? Promise.withResolvers<Message>();
  events.set(type, event);
  return event;
}

async function withDeadline<T>(promise: Promise<T>, wanted: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`${wanted} did not come within ${silenceMsMax} ms`)),
    silenceMsMax,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function take(replies: Map<string, (reply: Reply) => void>, body: ReplyBody): void {
  if (body.reply.outcome !== 'in-progress') replies.get(nameOf(body))?.(body.reply);
}

function nameOf({ transactionId, branchId, operation, attempt }: Omit<ReplyBody, 'reply'>): string {
  return `${transactionId}/${branchId}/${operation}/${attempt}`;
}

function isReplyBody(data: unknown): data is ReplyBody {
  return typeof data === 'object' && data !== null && 'reply' in data && 'transactionId' in data;
}
