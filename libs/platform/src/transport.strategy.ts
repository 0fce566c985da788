/**
 * The participant of one service as a transport strategy of Nest's microservices: commands reach the methods through
 * Nest's own pipeline (pipes, guards, interceptors), a batch at a time, inside the transaction the runtime has opened.
 * It must never answer a command itself; the runtime does, AFTER the commit.
 */
import {
  Participant as ParticipantRuntime,
  type CallsUnderWay,
  type Handler,
  type ParticipantOptions,
  type ParticipantPorts,
  type Prepared,
  type Tx,
} from '@sagamore/runtime';
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { HandlerRole, roleKey, transportOf, type CallContext } from './participant.decorators.js';
import { handlersOf, type RoledMethod } from './participant.handlers.js';

/** What a participant server is made of. */
export interface ParticipantServerOptions extends Omit<ParticipantOptions, 'handlers'> {
  /** Beside the methods: what the platform itself answers for the service. Default none. */
  readonly handlers?: readonly Handler[];
}

/** The ports of a service. */
export interface ParticipantServerPorts extends Omit<ParticipantPorts, 'prepared'> {
  /** Where some method prepares it may refuse: the database must be set up for it (I45). Where none does, it only settles
   *  what an earlier version has left in doubt (I19), and needs nothing. */
  readonly openPrepared?: (needs: { readonly prepares: boolean }) => Promise<Prepared>;
}

/** One a service and process; `connectMicroservice({ strategy })` gives it the methods, `listen` starts the participant
 *  and `close` drains it. A service without handlers starts nothing. */
export class ParticipantServer extends Server implements CustomTransportStrategy {
  override readonly transportId: symbol;
  /** Errors are awaited and handed to the runtime; Nest must not log them as unhandled. */
  override readonly propagatesEventHandlerErrors = true;
  readonly service: string;
  /** Every method with a role, repeats included: the map of the base class would keep the last one only. */
  private readonly methods: RoledMethod[] = [];
  private readonly own: readonly Handler[];
  private participant: ParticipantRuntime | undefined;

  constructor(
    private readonly ports: ParticipantServerPorts,
    private readonly options: ParticipantServerOptions,
  ) {
    super();
    this.service = options.service;
    this.own = options.handlers ?? [];
    this.transportId = transportOf(options.service);
  }

  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    const role = extras[roleKey];
    if (role instanceof HandlerRole) this.methods.push({ role, run: runOf(callback) });
    super.addHandler(pattern, callback, isEventHandler, extras);
  }

  /** Starts the participant and calls back; with the fault when the handlers do not fit or the start fails. */
  override listen(callback: (error?: unknown) => void): void {
    this.start().then(() => callback(), callback);
  }

  /** Takes no new command, finishes those in hand. Idempotent. */
  override async close(): Promise<void> {
    const participant = this.participant;
    this.participant = undefined;
    await participant?.stop();
  }

  /** False once commands are no longer taken; true for a service that has no handlers. */
  healthy(): boolean {
    return this.participant?.healthy() ?? (this.methods.length === 0 && this.own.length === 0);
  }

  /** Calls to the outside that run now, and those that wait; none for a service without handlers. */
  get calls(): readonly CallsUnderWay[] {
    return this.participant === undefined ? [] : [{ ...this.participant.calls, name: this.service }];
  }

  override on(): never {
    throw new TypeError('a participant server has no events; ask healthy()');
  }

  /** The participant runtime, for tests and diagnosis; undefined before `listen`. */
  override unwrap<T = ParticipantRuntime | undefined>(): T {
    return this.participant as T;
  }

  private async start(): Promise<void> {
    const handlers = [...handlersOf(this.service, this.methods), ...this.own];
    if (handlers.length === 0) return;
    const participant = new ParticipantRuntime(await this.portsFor(handlers), { ...this.options, handlers });
    await participant.start();
    this.participant = participant;
  }

  private async portsFor(handlers: readonly Handler[]): Promise<ParticipantPorts> {
    const { openPrepared, ...ports } = this.ports;
    const prepares = handlers.some(({ effect }) => effect === 'prepared');
    return openPrepared === undefined ? ports : { ...ports, prepared: await openPrepared({ prepares }) };
  }
}

/** Nest answers with a value or a stream; only the stream carries the handler's error. */
function runOf(callback: MessageHandler): RoledMethod['run'] {
  return async (payload: unknown, context: Tx | CallContext) => {
    const result: unknown = await callback(payload, context);
    return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
  };
}
