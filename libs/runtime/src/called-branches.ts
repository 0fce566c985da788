/**
 * Branches whose participant is called instead of being sent messages: the call is made AFTER the commit that asks for it,
 * beside the coordinator's own work, and its answer becomes an input like any other. Nothing of a call is stored: what a
 * crash cuts off is still named by the state, and is called again under the same key.
 */
import type { Operation, ProbeCommand, Reply, SendCommand } from '@sagamore/engine';
import { failed, partOf } from '@sagamore/engine';
import { Bulkhead, Fault } from '@sagamore/resilience';
import type { LiveTransaction } from './decision.js';
import type { Input } from './inbox.js';
import type { CallsUnderWay } from './limiter.js';
import { commandMessage, inboxTopic, type TraceContext } from './message.js';
import { schemaProblem } from './operation.js';
import type { ParticipantCalls } from './ports.js';
import { probeMessage } from './probe.js';

/** What a participant is called for. */
export type Called = SendCommand | ProbeCommand;

export interface CalledBranchesOptions {
  /** Calls to one participant at the same time. Undos and probes have as many places again, so that what goes forward
   *  never keeps them waiting (S88). */
  readonly callsMax: number;
  /** The operations whose participants are called, by their message types: what they answer is checked (B75). */
  readonly operations: ReadonlyMap<string, Operation>;
  /** Whether the transaction here still waits for this. What waited its turn may have been given up since, or its shard
   *  may be another's by now, who calls himself. */
  readonly isWanted: (live: LiveTransaction, command: Called) => boolean;
  /** Given the answer, as an input like any other. */
  readonly tell: (input: Input) => void;
  /** ms of the store's clock. */
  readonly now: () => number;
  /** What calls carry for traces. */
  readonly traceparent: TraceContext;
  readonly onFault: (error: unknown) => void;
}

interface Errand {
  readonly live: LiveTransaction;
  readonly command: Called;
}

/** One branch: what is being asked of its participant, and what comes next. Of what waits only the latest counts. */
interface Lane {
  next: Errand | undefined;
  /** Calls off the wait for a place; a call that has begun is left to end, for it may take effect. */
  giveWay: AbortController;
}

/** Only where somebody is called. Throws a `TypeError` when there is no port to call with. */
export function calledBranches(
  calls: ParticipantCalls | undefined,
  options: CalledBranchesOptions,
): CalledBranches | undefined {
  const [first] = options.operations.keys();
  if (first === undefined) return undefined;
  if (calls === undefined) throw new TypeError(`${first} is called, and there is no port to call with`);
  return new CalledBranches(calls, options);
}

export class CalledBranches {
  private readonly lanes = new Map<string, Lane>();
  private readonly places = new Map<string, Bulkhead>();
  private readonly underWay = new Set<Promise<void>>();
  private isStopping = false;

  constructor(
    private readonly calls: ParticipantCalls,
    private readonly options: CalledBranchesOptions,
  ) {}

  start(): void {
    this.isStopping = false;
  }

  /** Begins to call, and resolves nothing: the answer is told. Of one branch one call is open at a time, so an undo never
   *  overtakes its action from here; across a crash the participant's own seat for the key keeps them apart (R8). */
  call(live: LiveTransaction, command: Called): void {
    if (this.isStopping) return;
    const name = `${live.record.transactionId}/${command.branchId}`;
    const busy = this.lanes.get(name);
    if (busy !== undefined) {
      busy.next = { live, command };
      busy.giveWay.abort();
      return;
    }
    const lane: Lane = { next: { live, command }, giveWay: new AbortController() };
    this.lanes.set(name, lane);
    const done = this.walk(lane).finally(() => {
      this.lanes.delete(name);
      this.underWay.delete(done);
    });
    this.underWay.add(done);
  }

  /** Begins no further call, and waits for those that have begun; the adapter bounds them in time. */
  async stop(): Promise<void> {
    this.isStopping = true;
    for (const { giveWay } of this.lanes.values()) giveWay.abort();
    await Promise.all(this.underWay);
  }

  /** Places that are taken, and calls that wait for one. */
  get load(): readonly CallsUnderWay[] {
    return [...this.places.values()].map(({ name, inUse: running, queued: waiting }) => ({
      name,
      running,
      waiting,
    }));
  }

  private async walk(lane: Lane): Promise<void> {
    for (let errand = lane.next; errand !== undefined; errand = lane.next) {
      lane.next = undefined;
      lane.giveWay = new AbortController();
      try {
        const { live, command } = errand;
        await this.placesFor(command).run(() => this.carryOut(live, command), lane.giveWay.signal);
      } catch (error) {
        if (!(error instanceof Fault && error.code === 'STOPPED')) this.options.onFault(error);
      }
    }
  }

  private placesFor(command: Called): Bulkhead {
    const isForward = command.type === 'send' && partOf(command.operation) === 'does';
    const name = `${command.participant} ${isForward ? 'forward' : 'back'}`;
    const known = this.places.get(name);
    if (known !== undefined) return known;
    // Unbounded: what waits here is held in memory anyway, and refusing it would only bring it again.
    const places = new Bulkhead(name, { callsMax: this.options.callsMax, queueMax: Infinity });
    this.places.set(name, places);
    return places;
  }

  private async carryOut(live: LiveTransaction, command: Called): Promise<void> {
    if (this.isStopping || !this.options.isWanted(live, command)) return;
    const answer =
      command.type === 'send' ? await this.ask(live, command) : await this.inquire(live, command);
    if (answer !== undefined) this.options.tell(answer);
  }

  private async ask({ record }: LiveTransaction, command: SendCommand): Promise<Input | undefined> {
    const { transactionId, shard } = record;
    const { branchId, operation, generation, attempt } = command;
    const reply = await this.calls.call(commandMessage(command, this.contextOf(record)));
    if (reply === undefined) return undefined;
    const told = { transactionId, branchId, operation, generation, attempt };
    return {
      kind: 'reply',
      transactionId,
      shard,
      reply: { ...told, reply: await this.believed(command, reply) },
    };
  }

  private async inquire({ record }: LiveTransaction, command: ProbeCommand): Promise<Input | undefined> {
    const { transactionId, shard } = record;
    const { branchId, generation, attempt } = command;
    const finding = await this.calls.probe(probeMessage(command, this.contextOf(record)));
    if (finding === undefined) return undefined;
    if (finding.outcome === 'succeeded' && (await this.problemOf(command, finding.output)) !== undefined)
      return undefined;
    return {
      kind: 'probed',
      transactionId,
      shard,
      probed: { transactionId, branchId, generation, attempt, finding },
    };
  }

  private contextOf({ transactionId, shard }: LiveTransaction['record']) {
    const { now, traceparent } = this.options;
    return { transactionId, replyTo: { topic: inboxTopic, partition: shard }, at: now(), traceparent };
  }

  /** B75: an output that does not fit is not built upon. It took effect all the same, so it is no refusal: a failure leaves
   *  the outcome unknown, and the step says what follows. */
  private async believed(command: SendCommand, reply: Reply): Promise<Reply> {
    if (reply.outcome !== 'succeeded' || partOf(command.operation) !== 'does') return reply;
    const message = await this.problemOf(command, reply.output);
    return message === undefined ? reply : failed({ code: 'PROVIDER_REJECTED', message, retryable: false });
  }

  private async problemOf({ messageType }: Called, output: unknown): Promise<string | undefined> {
    const paths = await schemaProblem(this.options.operations.get(messageType), 'output', output);
    return paths === undefined ? undefined : `the answer to ${messageType} does not fit at: ${paths}`;
  }
}
