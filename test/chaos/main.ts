/**
 * `npm run test:chaos`: orders over the real thing while it breaks. Ends with 0 when every order ended as it must and the audit
 * found nothing, with 1 otherwise; the seed is printed, and draws the same faults and orders again.
 */
import { parseArgs } from 'node:util';
import { terminal } from '@sagamore/local';
import { missingForBroker } from '../../deploy/local/kafka/jars.js';
import { chaos } from './chaos.js';

const { colours, line } = terminal;

const usage = `Usage: npm run test:chaos -- [options]

  --orders <number>         to be placed, of mixed fate          (default 5000)
  --orchestrators <number>  processes that share the shards      (default 2)
  --seed <number>           draws orders and faults              (default: a random one)
  --at-once <number>        orders under way at one time         (default 48)
  --help                    this text
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      orders: { type: 'string', default: '5000' },
      orchestrators: { type: 'string', default: '2' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      'at-once': { type: 'string', default: '48' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return (process.stdout.write(usage), 0);
  const missing = missingForBroker();
  if (missing !== undefined) throw new Error(missing);
  const seed = numberOf('--seed', values.seed);
  const orders = numberOf('--orders', values.orders);
  line(colours.bold(`${orders} orders while things break`) + colours.dim(`, seed ${seed}`));
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const { problems, faults, ended } = await chaos({
    seed,
    orders,
    orchestrators: numberOf('--orchestrators', values.orchestrators),
    atOnce: numberOf('--at-once', values['at-once']),
    gapMs: { least: 5_000, most: 20_000 },
    smallDisk: true,
    interrupted: interrupted.signal,
    say: (text) => line(colours.dim(`  ${text}`)),
  });
  for (const problem of problems) line(colours.red(`✘ ${problem}`));
  if (problems.length > 0) {
    line(colours.red(`seed ${seed}: ${problems.length} problems after ${faults} faults`));
    return 1;
  }
  line(colours.green(`✔ ${ended} orders ended as they must through ${faults} faults; 0 violations`));
  return 0;
}

function numberOf(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new TypeError(`${flag} takes a whole number, found ${text}`);
  return Number(text);
}

const code = await main().catch((error: unknown) => {
  process.stderr.write(`${colours.red('✘')} ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
// A run that was given up leaves clients behind who are still waiting for their orders.
process.exit(code);
