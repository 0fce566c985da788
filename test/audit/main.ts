/**
 * `npm run audit`: checks every row of a stack against the invariants. Ends with 0 when all hold, with 1 when one does not,
 * and with 2 when it cannot be run.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import colours from 'picocolors';
import { audit, type AuditOptions } from './audit.js';
import { jsonReport, sumsOf, tableReport } from './report.js';
import { CannotRun } from './stack.js';

const usage = `Usage: npm run audit -- [options]

  --directory <path>   of the running or the last stack          (default .sagamore)
  --client-log <file>  what clients were answered, as JSON lines
  --wait <seconds>     how long to wait until nothing moves      (default 60)
  --no-providers       leave the ledgers of the card network and the carrier out
  --json               one object a line
  --help               this text

DATABASE_URL_<SERVICE> (all five) names other databases, SIMULATORS_DIRECTORY or SIMULATORS_URL the ledgers beside them.
`;

interface Options extends AuditOptions {
  readonly json: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      directory: { type: 'string', default: '.sagamore' },
      'client-log': { type: 'string' },
      wait: { type: 'string', default: '60' },
      'no-providers': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    process.exit(0);
  }
  if (!/^\d{1,5}$/.test(values.wait))
    throw new CannotRun(`--wait takes seconds from 0 to 99999, found ${values.wait}`);
  const clientLog = values['client-log'];
  return {
    directory: resolve(values.directory),
    environment: process.env,
    waitSeconds: Number(values.wait),
    providers: !values['no-providers'],
    json: values.json,
    ...(clientLog !== undefined && { clientLog: resolve(clientLog) }),
  };
}

async function main(): Promise<void> {
  const options = readOptions();
  const report = options.json ? jsonReport(process.stdout) : tableReport(process.stdout);
  const findings = await audit(options, report);
  report.end(findings);
  process.exitCode = sumsOf(findings).violations === 0 ? 0 : 1;
}

function cannotRun(error: unknown): void {
  const known = error instanceof CannotRun || (error instanceof TypeError && 'code' in error);
  const text =
    error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`${colours.red('✘')} ${text}\n`);
  process.exitCode = 2;
}

await main().catch(cannotRun);
