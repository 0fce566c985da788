/**
 * Nest's own words in the process's log: its chatter at `debug`, its warnings and errors as they are.
 */
import type { LoggerService } from '@nestjs/common';
import type { Log } from './log.js';

/** Makes the logger to hand to `NestFactory.create`. */
export function nestLogger(log: Log): LoggerService {
  return {
    log: (message: unknown) => log.debug(String(message)),
    debug: (message: unknown) => log.debug(String(message)),
    verbose: (message: unknown) => log.debug(String(message)),
    warn: (message: unknown) => log.warn(String(message)),
    error: (message: unknown) =>
      log.error(String(message), message instanceof Error ? { error: message } : {}),
    fatal: (message: unknown) =>
      log.error(String(message), message instanceof Error ? { error: message } : {}),
  };
}
