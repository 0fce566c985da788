/**
 * A process's log as the platform hands it out: the form of a line and what may not stand in it are telemetry's.
 */
import { createLogger, type Log, type LogFields, type LoggerOptions } from '@sagamore/telemetry';

export type { Log, LogFields, LogLevel } from '@sagamore/telemetry';

/** All optional: a process without a name of its own is called `sagamore`. */
export type LogOptions = Partial<LoggerOptions>;

/** Makes the log of a process; `bound` stands on every line. */
export function createLog(options: LogOptions = {}, bound: LogFields = {}): Log {
  return createLogger({ process: 'sagamore', ...options }).child(bound);
}

/** A log that says nothing, for tests. */
export const silentLog: Log = createLog({ level: 'silent' });
