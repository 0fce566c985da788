/**
 * What an operator can see and wish. Reads come from the journal; a wish is saved with its audit row and travels through
 * the inbox to the owner of the transaction, so that nobody but the owner ever acts (R13).
 */
import {
  Definitions,
  inboxTopic,
  Journal,
  OutboxRelay,
  resumeType,
  type ResumeData,
  type TransactionQuery,
} from '@sagamore/runtime';
import { Service } from '@sagamore/platform';
import { Injectable } from '@nestjs/common';
import { summaryOf, viewOf, type TransactionSummary, type TransactionView } from './transaction.view.js';

export type ResumeAnswer = 'accepted' | 'unknown' | 'not-parked';

@Injectable()
export class OperatorService {
  constructor(
    private readonly journal: Journal,
    private readonly definitions: Definitions,
    private readonly relay: OutboxRelay,
    private readonly service: Service,
  ) {}

  async list(query: TransactionQuery): Promise<readonly TransactionSummary[]> {
    return (await this.journal.list(query)).map(summaryOf);
  }

  async inspect(transactionId: string): Promise<TransactionView | undefined> {
    const [stored] = await this.journal.load([transactionId]);
    return stored === undefined ? undefined : viewOf(stored, this.definitions);
  }

  /** Lets a parked transaction go on. Of two people who ask at once one is accepted; the other finds it not parked
   *  (S94). Accepted means saved: the owner acts as soon as it reads its inbox. */
  async resume(transactionId: string, reason: string): Promise<ResumeAnswer> {
    const [stored] = await this.journal.load([transactionId]);
    if (stored === undefined) return 'unknown';
    const actor = this.service.config.operatorName;
    const { updatedAt: parkedAt } = stored;
    const data: ResumeData = { transactionId, parkedAt, actor, reason };
    const seq = stored.events.length;
    const rows = await this.journal.wish({
      transactionId,
      action: 'resume',
      parkedAt,
      actor,
      reason,
      owner: this.service.instance,
      message: {
        id: `${transactionId}/resume/${seq}`,
        type: resumeType,
        source: 'orchestrator',
        topic: inboxTopic,
        key: transactionId,
        partition: stored.shard,
        occurredAt: this.journal.now(),
        data,
      },
    });
    if (rows === false) return 'not-parked';
    this.relay.publish(rows);
    return 'accepted';
  }
}
