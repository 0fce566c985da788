/**
 * The participant's side of doubt: lists its own transactions that wait for a word, and asks the coordinator about those
 * that have waited too long, at once when it starts (S69). The answer comes as the ordinary command that settles; until
 * then everything stays prepared, with its locks. It never decides.
 */
import { isUuid, shardOf } from '@sagamore/primitives';
import { inboxTopic, traceparentOf, type Message, type QuestionData } from './message.js';
import { questionType } from './inbox.js';
import type { Bus, Clock, Database, InDoubt, Prepared } from './ports.js';
import { sendApart } from './send-apart.js';

export interface InDoubtPorts {
  readonly prepared: Prepared;
  readonly database: Database;
  readonly bus: Bus;
  readonly clock: Clock;
}

export interface InDoubtSettings {
  readonly service: string;
  /** Partitions of the orchestrator's inbox: where the owner of a transaction reads. */
  readonly shardCount: number;
  /** Younger ones are still in somebody's hands; ms by the store's clock. Also the pause between looks. Default 5 000. */
  readonly doubtAfterMs?: number;
  /** Told at each look of all that wait, the oldest first; for a metric (S70). */
  readonly onInDoubt?: (waiting: readonly InDoubt[]) => void;
  readonly onFault: (error: unknown) => void;
}

export class InDoubtSweep {
  private readonly doubtAfterMs: number;
  private stopped = true;
  private cancel: (() => void) | undefined;
  private looking: Promise<void> | undefined;

  constructor(
    private readonly ports: InDoubtPorts,
    private readonly settings: InDoubtSettings,
  ) {
    this.doubtAfterMs = settings.doubtAfterMs ?? 5_000;
  }

  /** Asks about everything that an earlier process left, whatever its age: nobody here waits for its word any more. */
  start(): void {
    this.stopped = false;
    this.look(0);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel?.();
    await this.looking;
  }

  private look(olderThanMs: number): void {
    this.looking = this.ask(olderThanMs)
      .catch(this.settings.onFault)
      .finally(() => {
        if (this.stopped) return;
        this.cancel = this.ports.clock.after(this.doubtAfterMs, () => this.look(this.doubtAfterMs));
      });
  }

  private async ask(olderThanMs: number): Promise<void> {
    const waiting = await this.ports.prepared.inDoubt(`${this.settings.service}:`);
    this.settings.onInDoubt?.(waiting);
    const old = waiting.filter(({ ageMs }) => ageMs >= olderThanMs);
    const questions = old.flatMap(({ gid }) => this.questionOn(gid) ?? []);
    await sendApart(this.ports.bus, questions, {
      hopeless: ['DATA_REJECTED', 'TOPIC_INVALID'],
      onHopeless: (_question, fault) => this.settings.onFault(fault),
    });
  }

  /** Undefined for a name that is none of ours: it is listed, and a person must settle it. */
  private questionOn(gid: string): Message<QuestionData> | undefined {
    const [participant, transactionId, branchId, ...more] = gid.split(':');
    if (participant === undefined || transactionId === undefined || branchId === undefined) return undefined;
    if (!isUuid(transactionId) || more.length > 0) return undefined;
    const { shardCount, service } = this.settings;
    return {
      id: `${gid}/question`,
      type: questionType,
      source: service,
      topic: inboxTopic,
      key: transactionId,
      partition: shardOf(transactionId, shardCount),
      occurredAt: this.ports.database.now(),
      traceparent: traceparentOf(transactionId),
      data: { transactionId, branchId, participant },
    };
  }
}
