/**
 * Participants that are called over HTTP, in an explored run: a request and its answer travel like messages and meet the same
 * faults. Such a service has no barrier of ours; that it keeps its keys is for itself to see to, and for the explorer to try.
 */
import { failed, type Half, type ProbeFinding, type Reply } from '@sagamore/engine';
import { memoryTx } from '@sagamore/memory';
import {
  ParticipantCalls,
  providerKeyOf,
  replyMessage,
  type CommandData,
  type Message,
  type ProbeData,
} from '@sagamore/runtime';
import type { Host } from '../world/host.js';
import type { Stage } from './stage.js';

/** What such a service is asked. */
export interface HttpRequest {
  /** The idempotency key: the same for the action, its repeats and its undo. */
  readonly key: string;
  /** The message type of the half that is asked for, e.g. `travel.book-flight`. */
  readonly path: string;
  readonly half: Half;
  /** The input; for an undo an `Undo`. */
  readonly body: unknown;
}

/** How long a call waits for its answer, ms. */
const timeoutMs = 3_000;
const noAnswer: Reply = failed({ code: 'PROVIDER_UNAVAILABLE', message: 'no answer came', retryable: true });

/** Calls the services that are up, from one process of the orchestrator. */
export class HttpCalls extends ParticipantCalls {
  constructor(
    private readonly caller: Host,
    private readonly stage: Stage,
  ) {
    super();
  }

  override async call(command: Message<CommandData>): Promise<Reply | undefined> {
    const refusal = this.stage.wire.refusalOf(command);
    if (refusal !== undefined) return refusedBy(refusal);
    return this.exchange(command, noAnswer, (reply) => this.serve(command, reply));
  }

  override async probe(probe: Message<ProbeData>): Promise<ProbeFinding | undefined> {
    return this.exchange<ProbeFinding | undefined>(probe, undefined, (found) => this.find(probe, found));
  }

  /** The request travels, is served, and its answer travels back, unless that takes too long. */
  private async exchange<Answer>(
    request: Message<CommandData>,
    silence: Answer,
    serve: (answer: (given: Answer, told: Message) => void) => Promise<void>,
  ): Promise<Answer> {
    const { stage, caller } = this;
    const { name } = stage.names.ofMessage(request);
    await caller.survives(`before it sends ${name}`);
    const answered = new Promise<Answer>((resolve) => {
      stage.clock.after(timeoutMs, () => resolve(silence));
      const answer = (given: Answer, told: Message) => stage.wire.deliver(told, () => resolve(given));
      stage.wire.deliver(request, () => void serve(answer));
    });
    await caller.survives(`after it has sent ${name}`);
    const given = await answered;
    await caller.pass();
    return given;
  }

  /** Whoever serves may be down at this moment: then nobody hears the request. */
  private async serve(
    command: Message<CommandData>,
    answer: (reply: Reply, told: Message) => void,
  ): Promise<void> {
    const { service, running } = this.addressee(command);
    if (running === undefined || service === undefined || !('answers' in service)) return;
    const { operation: half, payload: body, transactionId, branchId } = command.data;
    const request = { key: providerKeyOf(transactionId, branchId), path: command.type, half, body };
    running.desk.inHand = this.stage.names.ofMessage(command).name;
    try {
      const reply = await running.database.transaction(async (tx) => service.answers(request, memoryTx(tx)));
      answer(reply, this.told(command, reply));
    } catch (error) {
      this.stage.note(`${running.role} fails to answer: ${String(error)}`);
    }
  }

  private async find(
    probe: Message<ProbeData>,
    answer: (finding: ProbeFinding, told: Message) => void,
  ): Promise<void> {
    const { service, running } = this.addressee(probe);
    if (running === undefined || service === undefined || !('answers' in service)) return;
    const key = providerKeyOf(probe.data.transactionId, probe.data.branchId);
    try {
      const found = await running.database.transaction(async (tx) => service.probed?.(key, memoryTx(tx)));
      if (found !== undefined) answer(found, this.told(probe, noAnswer));
    } catch (error) {
      this.stage.note(`${running.role} fails to answer: ${String(error)}`);
    }
  }

  private addressee({ topic }: Message) {
    const role = topic.replace(/\.commands$/, '');
    return { service: this.stage.cast.services[role], running: this.stage.up(role) };
  }

  private told(request: Message<CommandData>, reply: Reply): Message {
    return replyMessage(request, reply, { source: request.topic, at: request.occurredAt });
  }
}

function refusedBy({ data }: Message): Reply {
  const isReply = typeof data === 'object' && data !== null && 'reply' in data;
  return isReply ? (data.reply as Reply) : noAnswer;
}
