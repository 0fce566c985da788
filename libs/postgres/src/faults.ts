/**
 * The one place where errors of the driver become `Fault`s, so that everybody above asks only "does a retry help?".
 * It must never let a value, a key or a connection string into a message or a cause: rows hold personal data.
 */
import { Fault, type FaultCode } from '@sagamore/resilience';
import pg from 'pg';
import { QueryFailedError } from 'typeorm';

/** What of a database error may be shown: where it happened, never with which values. */
interface Shown {
  readonly sqlState: string | undefined;
  readonly constraint?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly routine?: string | undefined;
  readonly system?: string | undefined;
}

/** A conflict on one of these keys means that somebody else was first with the same branch. */
const barrierKeys = new Set(['barrier_pkey', 'intent_pkey']);

const conflicts = new Set(['40001', '40P01', '55P03']);
const sessionEnded = /^(08|57P|25P03|25P04)/;
const dataClass = /^(22|23|42|44|54)/;

/** Turns whatever the driver threw while `wanted` was done into a `Fault`. Errors that are `Fault`s already pass. */
export function toFault(error: unknown, wanted: string): Fault {
  if (error instanceof Fault) return error;
  const cause = shown(error);
  const { code, retryable } = verdict(cause);
  const state = cause.sqlState ?? cause.system ?? 'no connection';
  const place = cause.constraint ?? cause.column ?? cause.table;
  const found = place === undefined ? state : `${state} at ${place}`;
  return new Fault(code, `${wanted}: the database answered ${found}`, { retryable, cause });
}

/** The connection broke while a COMMIT was on its way: written or not, nobody here can tell (R12). */
export function commitUnknown(error: unknown, wanted: string): Fault {
  const options = { retryable: true, cause: shown(error) };
  return new Fault(
    'COMMIT_UNKNOWN',
    `${wanted}: the connection broke before the commit was answered`,
    options,
  );
}

/** Whether the session itself is gone, so that a statement on its way may or may not have been carried out. */
export function isSessionLost(error: unknown): boolean {
  const { sqlState } = shown(error);
  return sqlState === undefined || sessionEnded.test(sqlState);
}

/** Whether `error` comes from the driver, directly or through TypeORM. */
export function isDriverError(error: unknown): boolean {
  return error instanceof pg.DatabaseError || error instanceof QueryFailedError;
}

/** The five-character code of the server's answer; undefined when there was no answer. */
export function sqlStateOf(error: unknown): string | undefined {
  return shown(error).sqlState;
}

function shown(error: unknown): Shown {
  const inner = error instanceof QueryFailedError ? error.driverError : error;
  if (!(inner instanceof pg.DatabaseError)) return { sqlState: undefined, system: systemCodeOf(inner) };
  const { code, constraint, table, column, routine } = inner;
  return { sqlState: code, constraint, table, column, routine };
}

function systemCodeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function verdict({ sqlState, constraint }: Shown): { code: FaultCode; retryable: boolean } {
  if (sqlState === undefined) return { code: 'DATABASE_UNAVAILABLE', retryable: true };
  if (conflicts.has(sqlState)) return { code: 'SERIALIZATION_CONFLICT', retryable: true };
  if (sqlState === '23505' && constraint !== undefined && barrierKeys.has(constraint)) {
    return { code: 'BARRIER_CONFLICT', retryable: true };
  }
  // Class 42 is a statement that can never run: a bug of one handler, which must not hold the others (R2).
  if (dataClass.test(sqlState)) return { code: 'DATA_REJECTED', retryable: false };
  if (sqlState === '57014') return { code: 'DEADLINE_EXCEEDED', retryable: true };
  return { code: 'DATABASE_UNAVAILABLE', retryable: true };
}
