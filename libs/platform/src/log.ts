/**
 * What a process says: one line an event, as JSON or for people. `createLog` writes to the standard output.
 * Line breaks and escape sequences of what is logged never reach the terminal raw (B84).
 * It must never be given secrets or personal data; error messages are kept free of them where they are made.
 */
import { stripVTControlCharacters } from 'node:util';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
/** What goes beside the message; an `error` is written with its message, code, stack and causes. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The log of a process or a part of it. Never throws, never waits. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose every line carries `fields` too. */
  child(fields: LogFields): Log;
}

export interface LogOptions {
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Lines for people instead of JSON. Default false. */
  readonly pretty?: boolean;
  /** Receives each line with its line break. Default: the standard output. */
  readonly write?: (line: string) => void;
}

const ranks = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 } as const;

/** Makes the log of a process. */
export function createLog(options: LogOptions = {}, bound: LogFields = {}): Log {
  const {
    level = 'info',
    pretty = false,
    write = (line: string) => void process.stdout.write(line),
  } = options;
  const say = (rank: Exclude<LogLevel, 'silent'>) => (message: string, fields?: LogFields) => {
    if (ranks[rank] < ranks[level]) return;
    const entry = { ...bound, ...fields };
    write(pretty ? prettyLine(rank, message, entry) : jsonLine(rank, message, entry));
  };
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: (fields) => createLog(options, { ...bound, ...fields }),
  };
}

/** A log that says nothing, for tests. */
export const silentLog: Log = createLog({ level: 'silent' });

function jsonLine(level: string, message: string, fields: LogFields): string {
  return `${stringify({ level, time: new Date().toISOString(), message, ...fields })}\n`;
}

function prettyLine(level: string, message: string, fields: LogFields): string {
  const time = new Date().toISOString().slice(11, 23);
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${stringify(value)}`);
  return `${time} ${level.toUpperCase().padEnd(5)} ${stripVTControlCharacters(message).replaceAll(/\s+/g, ' ')}${rest.join('')}\n`;
}

/** A log line is never worth a crash: what JSON cannot say is said to be so. */
function stringify(value: unknown): string {
  try {
    return JSON.stringify(value, (_name, part: unknown) => plain(part)) ?? 'undefined';
  } catch {
    return '"not JSON"';
  }
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  return {
    name,
    message,
    ...('code' in value && { code: value.code }),
    stack,
    ...(cause !== undefined && { cause }),
  };
}
