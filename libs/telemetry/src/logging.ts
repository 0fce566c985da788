/**
 * A process's log: one line an event, as JSON or for people, over pino. It decides the form of a line and what may not
 * stand in it; never what is worth saying. Nobody below `platform` imports it: libraries tell through hooks (R25).
 */
import { Writable } from 'node:stream';
import { pino, type DestinationStream, type Logger } from 'pino';
import pretty from 'pino-pretty';
import { redact, withoutControls } from './redaction.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** What goes beside the message. Errors may stand anywhere in it. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The log of a process or a part of it. Never throws on what it is given; a line is written when the call returns. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose every line carries `fields` too. */
  child(fields: LogFields): Log;
}

export interface LoggerOptions {
  /** Stands on every line. */
  readonly process: string;
  /** The least that is written. Default `info`. */
  readonly level?: LogLevel;
  /** Lines for people instead of JSON. Default false. */
  readonly pretty?: boolean;
  /** Receives each line with its line break. Default: the standard output. */
  readonly write?: (line: string) => void;
}

/** Makes the log of a process. Secrets and personal data in fields are redacted (I42); see `redact` for what is taken out. */
export function createLogger(options: LoggerOptions): Log {
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: { process: options.process },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    destinationOf(options),
  );
  return logOver(logger);
}

function logOver(logger: Logger): Log {
  const say =
    (level: Exclude<LogLevel, 'silent'>) =>
    (message: string, fields?: LogFields): void => {
      // Redacting walks the fields, so a line that nobody will read must not pay for it.
      if (logger.isLevelEnabled(level)) logger[level](written(fields), withoutControls(message));
    };
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: (fields) => logOver(logger.child(written(fields))),
  };
}

/** Fields may not take the place of what every line carries, or a line could say two things of itself. */
const lineKeys = new Set(['level', 'time', 'process', 'message']);

function written(fields: LogFields = {}): Record<string, unknown> {
  const renamed = Object.entries(fields).map(([key, value]) => [
    lineKeys.has(key) ? `field_${key}` : key,
    value,
  ]);
  return { ...Object(redact(Object.fromEntries(renamed))) };
}

function destinationOf({ pretty: isPretty = false, write }: LoggerOptions): DestinationStream {
  const plain = write === undefined ? pino.destination({ fd: 1, sync: true }) : { write };
  if (!isPretty) return plain;
  const lines = new Writable({
    write(chunk, _encoding, done) {
      plain.write(String(chunk));
      done();
    },
  });
  return pretty({
    colorize: false,
    destination: lines,
    ignore: 'pid,hostname',
    messageKey: 'message',
    sync: true,
  });
}
