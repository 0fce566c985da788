/**
 * From a verdict of the barrier to what is written and answered. Pure: shared by the local and the external road,
 * which differ in when they write, not in what.
 */
import {
  judge,
  partOf,
  refused,
  seatGenerationOf,
  seatsTakenBy,
  settledBy,
  type BarrierRow,
  type Half,
  type Reply,
  type Seat,
  type Verdict,
} from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import type { HandledCommand, Handler } from './handler.js';
import type { CommandData, Message } from './message.js';
import type { BranchKey, StoredBarrierRow } from './ports.js';

/** A command on its way through the participant, with the handler that will do it. */
export interface Job {
  readonly command: Message<CommandData>;
  readonly handler: Handler;
  /** When it was read off the bus, ms of the store's clock; absent where a sweep took it up. */
  readonly arrivedAt?: number;
}

/** What the barrier needs to know of a job: it has no handler where the platform itself does what is asked. */
export type Commanded = Pick<Job, 'command' | 'arrivedAt'>;

export function branchOf(job: Commanded): BranchKey {
  const { transactionId, branchId } = job.command.data;
  return { transactionId, branchId };
}

export function branchName({ transactionId, branchId }: BranchKey): string {
  return `${transactionId}/${branchId}`;
}

export function groupByBranch<Row extends BranchKey>(
  rows: readonly Row[],
): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const name = branchName(row);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [row]);
    else group.push(row);
  }
  return groups;
}

export function verdictOn(job: Commanded, found: ReadonlyMap<string, readonly BarrierRow[]>): Verdict {
  return judge(job.command.data, found.get(branchName(branchOf(job))) ?? []);
}

/** What the handler is shown. */
export function handled({ command }: Commanded): HandledCommand {
  const { transactionId, branchId, operation, payload } = command.data;
  const idOf = (half: Half): string => operationIdOf(transactionId, branchId, half);
  return {
    transactionId,
    branchId,
    operationId: idOf(operation),
    settledOperationId: idOf(settledBy(operation)),
    payload,
  };
}

/** Names one half of one branch in the effects it has, whatever the attempt or generation (I12). */
export function operationIdOf(transactionId: string, branchId: string, half: Half): string {
  return `${transactionId}/${branchId}/${half}`;
}

/** The rows that a handled command leaves. A refused settlement leaves none: it is not a final answer (R4). Beside its own
 *  it takes the seats in which it meets whatever it excludes, so that only one of them is ever recorded (R3, S12). */
export function rowsOf(
  job: Commanded,
  reply: Reply,
  found: readonly BarrierRow[],
): readonly StoredBarrierRow[] {
  const { data } = job.command;
  if (reply.outcome === 'failed' || reply.outcome === 'in-progress') return [];
  if (reply.outcome === 'refused' && partOf(data.operation) !== 'does') return [];
  const outcome = reply.outcome === 'succeeded' && reply.empty === true ? 'empty' : reply.outcome;
  const generation = seatGenerationOf(data);
  const own: StoredBarrierRow = { ...branchOf(job), operation: data.operation, generation, outcome, reply };
  return [own, ...seatsTakenBy(data, found).map((seat) => seated(job, seat))];
}

/** The seat of the other settlement, taken with the claim of a call: two that are asked for at the same moment then meet
 *  in one key BEFORE either is called (S12). */
export function settlementSeatsOf(job: Commanded, found: readonly BarrierRow[]): readonly StoredBarrierRow[] {
  return seatsTakenBy(job.command.data, found)
    .filter(({ operation }) => partOf(operation) !== 'does')
    .map((seat) => seated(job, seat));
}

/** A seat taken for good: a late action finds that of its undo's, or of a probe that found nothing, and is refused (S4). */
export function planted(job: Commanded, operation: Half, generation: number): StoredBarrierRow {
  return seated(job, { operation, generation, outcome: 'planted' });
}

function seated(job: Commanded, seat: Seat): StoredBarrierRow {
  const row = { ...branchOf(job), ...seat };
  return seat.outcome === 'refused' ? { ...row, reply: lateReply } : row;
}

export const emptyReply: Reply = { outcome: 'succeeded', output: {}, empty: true };

export const lateReply: Reply = refused('cancelled-before');

/** The answer already given to this command, from the rows of its branch. */
export function savedReply(job: Commanded, found: readonly BarrierRow[]): Reply {
  const { operation, generation } = job.command.data;
  const answers = found.filter((row) => row.operation === operation && row.reply !== undefined);
  const effective = answers.find((row) => row.outcome !== 'refused');
  return (effective ?? answers.find((row) => row.generation === generation))?.reply ?? lateReply;
}

/** Somebody else was first: the same batch, run again or in halves, may go through (R1). */
export function isConflict(error: unknown): boolean {
  return (
    error instanceof Fault && (error.code === 'BARRIER_CONFLICT' || error.code === 'SERIALIZATION_CONFLICT')
  );
}

/** Nobody can be answered now: nothing was written, or nobody knows whether it was. */
export function isDatabaseAway(error: unknown): boolean {
  return error instanceof Fault && (error.code === 'DATABASE_UNAVAILABLE' || error.code === 'COMMIT_UNKNOWN');
}
