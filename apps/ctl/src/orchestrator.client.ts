/**
 * The orchestrator's operators' API, as the command line asks it: what runs there, and a wish for one that does.
 */
import { Rest, type Door } from './rest.js';

/** Where a transaction stands, as lists show it. */
export interface Summary {
  readonly transactionId: string;
  readonly definition: string;
  readonly version: number;
  readonly status: string;
  readonly reason: Readonly<Record<string, unknown>> | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** A transaction with its timeline. */
export interface Shown extends Summary {
  readonly journalVersion: number;
  readonly steps: readonly {
    readonly name: string;
    readonly operation: string;
    readonly outcome: string;
    readonly attempts: number;
    readonly at: string;
  }[];
}

export interface Page {
  readonly items: readonly Summary[];
  readonly nextCursor: string | null;
}

export class OrchestratorClient {
  private readonly rest: Rest;

  constructor(door: Door) {
    this.rest = new Rest(door, {
      name: 'orchestrator',
      lookAgain: 'If it is there, it may have heard: look with sagamore transactions show',
    });
  }

  list(filter: Readonly<Record<string, string>>): Promise<Page> {
    return this.rest.ask<Page>('GET', `/transactions?${new URLSearchParams(filter).toString()}`);
  }

  show(id: string): Promise<Shown> {
    return this.rest.ask<Shown>('GET', `/transactions/${encodeURIComponent(id)}`);
  }

  /** Saved once it resolves; what comes of it the transaction shows. */
  async wish(id: string, what: 'resume' | 'cancel', reason: string): Promise<void> {
    await this.rest.ask('POST', `/transactions/${encodeURIComponent(id)}/${what}`, { reason });
  }
}
