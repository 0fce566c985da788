/**
 * Participants of another house: any service that speaks HTTP and keeps idempotency keys
 * (docs/reference/http-participants.md). From an answer to an outcome, and nothing else: it repeats no call, believes
 * nothing but what the page promises, and puts no body into an error.
 */
import {
  failed,
  partOf,
  refused,
  succeeded,
  type Half,
  type ProbeFinding,
  type Reply,
} from '@sagamore/engine';
import { CircuitBreaker, Fault, type CircuitState } from '@sagamore/resilience';
import { ParticipantCalls, type CommandData, type Message, type ProbeData } from '@sagamore/runtime';
import { ProviderClient, type ProviderAnswer, type ProviderClientOptions } from './provider-client.js';

export interface HttpParticipantCallsOptions extends Omit<ProviderClientOptions, 'baseUrl' | 'headers'> {
  /** Where each participant answers, by its name. */
  readonly baseUrls: Readonly<Record<string, string>>;
  /** When a participant that fails is no longer called, and for how long. */
  readonly circuit: { readonly failuresToOpen: number; readonly resetMs: number };
}

type Request = (client: ProviderClient) => Promise<ProviderAnswer>;

interface Participant {
  readonly client: ProviderClient;
  readonly breaker: CircuitBreaker<[Request], ProviderAnswer>;
}

/** Answers that would fill the journal are not believed. */
const answerBytesMax = 65_536;

/** One for all participants of a process, each with sockets and a circuit of its own, so that an ill one takes nothing
 *  from the others. Lives until `stop()`. */
export class HttpParticipantCalls extends ParticipantCalls {
  private readonly participants: ReadonlyMap<string, Participant>;

  constructor({ baseUrls, circuit, ...limits }: HttpParticipantCallsOptions) {
    super();
    const open = ([name, baseUrl]: readonly [string, string]): readonly [string, Participant] => {
      const client = new ProviderClient({ answerBytesMax, ...limits, baseUrl });
      const call = (request: Request): Promise<ProviderAnswer> => request(client);
      const silentMs = limits.timeoutMs * 2;
      return [name, { client, breaker: new CircuitBreaker(name, call, { ...circuit, silentMs }) }];
    };
    this.participants = new Map(Object.entries(baseUrls).map(open));
  }

  override async call(command: Message<CommandData>): Promise<Reply | undefined> {
    const { type, data } = command;
    const headers = headersOf(command);
    try {
      const answer = await this.request(command, (client) =>
        client.post(`/${type}`, data.payload ?? null, { idempotencyKey: keyOf(data), headers }),
      );
      return replyOf(answer, data.operation);
    } catch (error) {
      return replyOfFault(error);
    }
  }

  override async probe(probe: Message<ProbeData>): Promise<ProbeFinding | undefined> {
    const { messageType, ...data } = probe.data;
    const path = `/${messageType}/${encodeURIComponent(keyOf(data))}`;
    try {
      return findingOf(
        await this.request(probe, (client) => client.get(path, { headers: headersOf(probe) })),
      );
    } catch (error) {
      // Known to be ill, it is not called, and no probe is spent on it (S83).
      return error instanceof Fault && error.code === 'CIRCUIT_OPEN' ? { outcome: 'not-yet' } : undefined;
    }
  }

  /** The circuit of each participant. */
  get circuits(): readonly { readonly name: string; readonly state: CircuitState }[] {
    return [...this.participants.values()].map(({ breaker }) => breaker);
  }

  /** Calls under way end, then the sockets close. Idempotent. */
  async stop(): Promise<void> {
    for (const { breaker } of this.participants.values()) breaker.shutdown();
    await Promise.all([...this.participants.values()].map(({ client }) => client.stop()));
  }

  private request({ type }: Message, request: Request): Promise<ProviderAnswer> {
    const name = type.slice(0, type.indexOf('.'));
    const participant = this.participants.get(name);
    if (participant === undefined)
      throw new Fault('CONFIGURATION_INVALID', `an address of ${name} was wanted, found none`, {
        retryable: false,
      });
    return participant.breaker.call(request);
  }
}

/** The branch's own: the same for every attempt of its action and for its undo. Only what a header can carry. */
function keyOf({ transactionId, branchId }: Pick<CommandData, 'transactionId' | 'branchId'>): string {
  return `${transactionId}/${encodeURIComponent(branchId)}`;
}

function headersOf({ traceparent, data }: Message<CommandData>): Readonly<Record<string, string>> {
  const { attempt, generation } = data;
  return {
    'sagamore-attempt': String(attempt),
    'sagamore-generation': String(generation),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

function replyOf({ status, body }: ProviderAnswer, half: Half): Reply {
  if (status === 202) return { outcome: 'in-progress' };
  if (status < 300) {
    const isEmpty = partOf(half) === 'undoes' && hasField(body, 'empty') && body.empty === true;
    return isEmpty ? { outcome: 'succeeded', output: {}, empty: true } : succeeded(body ?? null);
  }
  const code = refusalCodeOf(status, body);
  if (code !== undefined) return refused(code);
  // Closed by an undo, or by the answer to a probe: what this key asks for will never be done.
  if (status === 410 && partOf(half) === 'does') return refused('cancelled-before');
  const message = `a yes or a no was wanted, found status ${status}`;
  // Without a code a conflict is about the key, not about business: another request under it is being worked on.
  if (status === 409) return failed({ code: 'PROVIDER_UNAVAILABLE', message, retryable: true });
  return failed({ code: 'PROVIDER_REJECTED', message, retryable: false });
}

function findingOf({ status, body }: ProviderAnswer): ProbeFinding | undefined {
  if (status === 202) return { outcome: 'not-yet' };
  if (status < 300) return { outcome: 'succeeded', output: body ?? null };
  const code = refusalCodeOf(status, body);
  if (code !== undefined) return { outcome: 'refused', refusal: { code } };
  return status === 410 ? { outcome: 'not-done' } : undefined;
}

const refusalCode = /^[a-z0-9][a-z0-9_-]{0,63}$/i;

/** A business "no" is a problem with a code; its words for people stay out, because they may be personal. */
function refusalCodeOf(status: number, body: unknown): string | undefined {
  if ((status !== 409 && status !== 422) || !hasField(body, 'code')) return undefined;
  return typeof body.code === 'string' && refusalCode.test(body.code) ? body.code : undefined;
}

function hasField<Name extends string>(body: unknown, name: Name): body is Record<Name, unknown> {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name);
}

/** Nobody knows whether a call that ended in a fault took effect. One that was not made spends no attempt (S83). */
function replyOfFault(error: unknown): Reply | undefined {
  if (!(error instanceof Fault))
    return failed({ code: 'PROVIDER_REJECTED', message: 'the call could not be made', retryable: false });
  const { code, message, retryable, retryAfterMs } = error;
  if (code === 'STOPPED') return undefined;
  if (code === 'CIRCUIT_OPEN') return { outcome: 'in-progress' };
  return failed({ code, message, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}
