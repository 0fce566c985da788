/**
 * What an operator can see and wish. Reads come from the journal; a wish is saved with its audit row and travels through
 * the inbox to the owner of the transaction, so that nobody but the owner ever acts (R13).
 */
import {
  Definitions,
  Door,
  History,
  Journal,
  OutboxRelay,
  type Asked,
  type StartAnswer,
  type StartRequest,
  type StoredTransaction,
  type Tombstone,
  type TransactionQuery,
  type WishAnswer,
} from '@sagamore/runtime';
import { ProblemException, Service } from '@sagamore/platform';
import { Injectable } from '@nestjs/common';
import {
  acceptedView,
  summaryOf,
  viewOf,
  type TransactionSummary,
  type TransactionView,
} from './transaction.view.js';

@Injectable()
export class OperatorService {
  private readonly door: Door;

  constructor(
    private readonly journal: Journal,
    private readonly definitions: Definitions,
    private readonly history: History,
    relay: OutboxRelay,
    private readonly service: Service,
  ) {
    const { instance: owner, config } = service;
    this.door = new Door({ journal, definitions, relay }, { owner, shards: config.shards });
  }

  async list(query: TransactionQuery): Promise<readonly TransactionSummary[]> {
    return (await this.journal.list(query)).map(summaryOf);
  }

  /** Rows without their events, newest first. */
  find(query: TransactionQuery): Promise<readonly StoredTransaction[]> {
    return this.journal.list(query);
  }

  /** A start that was accepted and has not begun is shown as such (R13). What was removed throws a 410: it is done, and
   *  never begins again (S45). */
  async inspect(transactionId: string): Promise<TransactionView | undefined> {
    const [stored] = await this.journal.load([transactionId]);
    if (stored !== undefined)
      return viewOf(stored, this.definitions, await this.journal.lateReplies(transactionId));
    const [removed] = await this.history.removed([transactionId]);
    if (removed !== undefined) throw transactionRemoved(removed);
    const start = await this.journal.accepted(transactionId);
    return start === undefined ? undefined : acceptedView(start);
  }

  start(request: Omit<StartRequest, 'actor'>): Promise<StartAnswer> {
    return this.door.start({ ...request, actor: this.actor });
  }

  /** Of two people who want the same at once one is accepted (S94). Accepted means saved: the owner acts as soon as it reads
   *  its inbox. */
  wish(asked: Omit<Asked, 'actor'>): Promise<WishAnswer> {
    return this.door.wish({ ...asked, actor: this.actor });
  }

  private get actor(): string {
    return this.service.config.operatorName;
  }
}

function transactionRemoved({ status }: Tombstone): ProblemException {
  return new ProblemException(410, 'TRANSACTION_REMOVED', {
    detail: `the transaction ended as ${status} long ago; its history was removed`,
    extensions: { outcome: status },
  });
}
