/**
 * Which transactions under way would not find their steps any more under the definitions that are about to be deployed
 * (S93). For a release pipeline: it reads the store, changes nothing, and whoever runs it fails on what it names.
 */
import {
  changesBetween,
  type DefinitionShape,
  type Protocol,
  type ShapeChange,
  type TransactionId,
} from '@sagamore/engine';
import type { Journal, StoredTransaction } from './ports.js';

/** One definition that transactions under way would miss. */
export interface AffectedDefinition {
  readonly definition: string;
  readonly version: number;
  /** `gone`: this version is not deployed any more, so its transactions park (S92). Else what has changed in it. */
  readonly changes: 'gone' | readonly ShapeChange[];
  readonly transactions: readonly AffectedTransaction[];
}

export interface AffectedTransaction {
  readonly transactionId: TransactionId;
  readonly status: string;
  /** The changed steps of which its journal speaks already: a replay goes astray at once, not only later. */
  readonly reached: readonly string[];
}

/** Transactions read at one time. */
const pageSize = 200;

/** Compares `before`, the shapes of what runs now, with `after`, and names every transaction of an affected version that is
 *  not final. Empty: whatever is under way finds its steps. Protocols that tell no shape are not compared. */
export async function inFlightReport(
  journal: Journal,
  before: readonly DefinitionShape[],
  after: readonly Protocol[],
): Promise<readonly AffectedDefinition[]> {
  const affected: AffectedDefinition[] = [];
  for (const shape of before) {
    const changes = changesOf(shape, after);
    if (changes !== 'gone' && changes.length === 0) continue;
    const { name: definition, version } = shape;
    const transactions = await underWay(journal, shape, changes);
    if (transactions.length > 0) affected.push({ definition, version, changes, transactions });
  }
  return affected;
}

function changesOf(shape: DefinitionShape, after: readonly Protocol[]): AffectedDefinition['changes'] {
  const same = after.find(({ name, version }) => name === shape.name && version === shape.version);
  if (same === undefined) return 'gone';
  return same.shape === undefined ? [] : changesBetween(shape, same.shape);
}

async function underWay(
  journal: Journal,
  { name: definition, version }: DefinitionShape,
  changes: AffectedDefinition['changes'],
): Promise<readonly AffectedTransaction[]> {
  const found: AffectedTransaction[] = [];
  for (const phase of ['moving', 'parked', 'held'] as const) {
    let before: TransactionId | undefined;
    for (;;) {
      const query = { definition, phase, limit: pageSize };
      const page = await journal.list(before === undefined ? query : { ...query, before });
      const own = page.filter((row) => row.version === version).map((row) => row.transactionId);
      found.push(...(await journal.load(own)).map((stored) => affectedBy(stored, changes)));
      before = page.at(-1)?.transactionId;
      if (page.length < pageSize) break;
    }
  }
  return found;
}

function affectedBy(
  { transactionId, status, events }: StoredTransaction,
  changes: AffectedDefinition['changes'],
): AffectedTransaction {
  const spoken = new Set(events.flatMap((event) => ('branchId' in event ? stepOf(event.branchId) : [])));
  const steps = changes === 'gone' ? [...spoken] : changes.map(({ step }) => step);
  return { transactionId, status, reached: [...new Set(steps.filter((step) => spoken.has(step)))] };
}

/** A pass of a loop is named after its step. */
function stepOf(branchId: string): string {
  return branchId.split('#')[0] ?? branchId;
}
