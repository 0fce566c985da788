/** What may be asked of `npm run audit`, read from its arguments and its environment; what does not fit is said at once. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { AuditOptions } from './audit.js';
import type { AuditorOptions } from './auditor.js';
import { CannotRun } from './stack.js';

const usage = `Usage: npm run audit -- [options]

  --directory <path>   of the running or the last stack          (default .sagamore)
  --client-log <file>  what clients were answered, as JSON lines
  --wait <seconds>     how long to wait until nothing moves      (default 60)
  --no-providers       leave the ledgers of the card network and the carrier out
  --json               one object a line
  --watch              again and again beside the running stack, telling what changes; then also:
    --every <seconds>  between two rounds                        (default 30)
    --grace <seconds>  for how long a row may look broken while its transaction is on its way (default 60)
    --rounds <number>  ends after so many                        (default: when it is stopped)
    --port <number>    serves GET /findings on this machine; 0 takes a free port
  --help               this text

DATABASE_URL_<SERVICE> (all five) names other databases, SIMULATORS_DIRECTORY or SIMULATORS_URL the ledgers beside them.
`;

/** How the continuous auditor goes about it. */
export interface WatchOptions extends Pick<AuditorOptions, 'everyMs' | 'graceMs' | 'roundsMax'> {
  /** Of the door to its findings; undefined: there is none. */
  readonly port: number | undefined;
}

export interface Options extends AuditOptions {
  readonly json: boolean;
  readonly watch: WatchOptions | undefined;
}

/** Ends the process after telling the usage where that is asked for. Throws `CannotRun` for what does not fit. */
export function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      directory: { type: 'string', default: '.sagamore' },
      'client-log': { type: 'string' },
      wait: { type: 'string', default: '60' },
      'no-providers': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      watch: { type: 'boolean', default: false },
      every: { type: 'string', default: '30' },
      grace: { type: 'string', default: '60' },
      rounds: { type: 'string' },
      port: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    process.exit(0);
  }
  const clientLog = values['client-log'];
  return {
    directory: resolve(values.directory),
    environment: process.env,
    mayStart: true,
    waitSeconds: secondsOf('--wait', values.wait),
    providers: !values['no-providers'],
    json: values.json,
    watch: values.watch ? watchOptions(values) : undefined,
    ...(clientLog !== undefined && { clientLog: resolve(clientLog) }),
  };
}

interface WatchWords {
  readonly every: string;
  readonly grace: string;
  readonly rounds?: string;
  readonly port?: string;
}

function watchOptions({ every, grace, rounds, port }: WatchWords): WatchOptions {
  return {
    everyMs: 1_000 * secondsOf('--every', every),
    graceMs: 1_000 * secondsOf('--grace', grace),
    port: port === undefined ? undefined : numberOf('--port', port, 65_535),
    ...(rounds !== undefined && { roundsMax: numberOf('--rounds', rounds, 99_999) }),
  };
}

function secondsOf(flag: string, text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new CannotRun(`${flag} takes seconds from 0 to 99999, found ${text}`);
  return Number(text);
}

function numberOf(flag: string, text: string, max: number): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > max)
    throw new CannotRun(`${flag} takes a number from 0 to ${max}, found ${text}`);
  return Number(text);
}
