/**
 * Names for what happens in a run, in the words of the saga: which step, which half of it, whose message. A name is the same
 * in every run in which the same thing happens, so that a schedule can be told by names.
 */
import type { TransactionEvent } from '@sagamore/engine';
import { memoryTx, type MemoryStore } from '@sagamore/memory';
import { startType, type Message, type StoredBarrierRow, type Tx } from '@sagamore/runtime';

/** `name` bears the attempt, `road` does not. */
export interface Named {
  readonly name: string;
  readonly road: string;
}

export class Names {
  /** Children by their ids; the saga itself has no name before its steps. */
  private readonly children = new Map<string, string>();

  constructor(private readonly rootId: string) {}

  /** The step's name, with the child's before it where a child has it. */
  stepOf(transactionId: string, branchId: string): string {
    if (transactionId === this.rootId) return branchId;
    return `${this.children.get(transactionId) ?? transactionId}/${branchId}`;
  }

  /** What a message is, whoever sends it. */
  ofMessage({ type, data }: Message): Named {
    const told = bodyOf(data);
    const { transactionId = '', branchId, attempt = 1, operation = 'action' } = told;
    if (told.parent !== undefined && told.definition !== undefined)
      this.children.set(transactionId, told.definition);
    const own = this.children.get(transactionId) ?? 'the saga';
    if (type === startType) return same('the start of the saga');
    if (told.outcome !== undefined) return same(`the news that ${own} is ${told.outcome}`);
    if (told.definition !== undefined) return same(`the asking for ${own} (${type})`);
    if (branchId === undefined) return same(`the message ${type}`);
    const asked = `${halfOf(operation)} "${this.stepOf(transactionId, branchId)}"`;
    const isProbe = told.finding !== undefined || (told.reply === undefined && type.endsWith('.probe'));
    const what = isProbe ? asked.replace(/^\S+/, 'probe') : asked;
    const isAnswer = told.reply !== undefined || told.finding !== undefined;
    const road = isAnswer ? `the answer to ${what}` : `the command to ${what}`;
    return { road, name: attempt > 1 ? `${road}, attempt ${attempt}` : road };
  }

  /** What a transaction is about to make durable; undefined where no row of the platform's tells. */
  ofWrites(tx: Tx, store: MemoryStore): string | undefined {
    const events = fresh<{ readonly event: TransactionEvent }>(tx, store, 'journal');
    if (events.length > 0) return events.map(([key, { event }]) => this.ofEvent(key, event)).join(' and ');
    const rows = fresh<StoredBarrierRow>(tx, store, 'barrier');
    if (rows.length > 0) return rows.map(([, row]) => this.ofRow(row)).join(' and ');
    const isBegun = store.table('transaction').rows.size > 0;
    if (!isBegun && fresh(tx, store, 'transaction').length > 0) return 'that the saga has begun';
    const gone = store
      .committed('outbox')
      .some(([key]) => memoryTx(tx).table('outbox').get(key) === undefined);
    return gone ? 'that its news is out' : undefined;
  }

  private ofEvent(key: string, event: TransactionEvent): string {
    const id = key.slice(0, key.indexOf('#'));
    if (event.type === 'time-passed') return 'that time has passed';
    if (event.type !== 'replied') return `the event ${event.type}`;
    const { branchId, operation, reply } = event;
    return `the answer to ${halfOf(operation)} "${this.stepOf(id, branchId)}": ${reply.outcome}`;
  }

  private ofRow({ transactionId, branchId, operation, outcome }: StoredBarrierRow): string {
    const step = `"${this.stepOf(transactionId, branchId)}"`;
    const asked = `${halfOf(operation)} ${step}`;
    switch (outcome) {
      case 'succeeded':
        return `that it has ${operation === 'compensation' ? 'undone' : 'done'} ${step}`;
      case 'claimed':
        return `that it is about to ${asked}`;
      case 'refused':
        return `that it refuses to ${asked}`;
      case 'empty':
        return `that there is nothing to undo of ${step}`;
      case 'planted':
        return `that ${step} comes too late from now on`;
    }
  }
}

interface Body {
  readonly transactionId?: string;
  readonly branchId?: string;
  readonly attempt?: number;
  readonly operation?: string;
  readonly definition?: string;
  readonly outcome?: string;
  readonly parent?: unknown;
  readonly reply?: unknown;
  readonly finding?: unknown;
}

function bodyOf(data: unknown): Body {
  return typeof data === 'object' && data !== null ? data : {};
}

function same(name: string): Named {
  return { name, road: name };
}

const halves: Readonly<Record<string, string>> = { action: 'do', compensation: 'undo' };

function halfOf(operation: string): string {
  return halves[operation] ?? operation;
}

/** The rows that a transaction adds or changes, BEFORE its commit makes them visible. */
function fresh<Row>(tx: Tx, store: MemoryStore, name: string): readonly (readonly [string, Row])[] {
  const { rows } = store.table(name);
  return memoryTx(tx)
    .table<Row>(name)
    .scan()
    .filter(([key, row]) => rows.get(key) !== row);
}
