/**
 * `npm run orders -- local | kafka`: orders of mixed fate over REST to a stack of its own, also while a process of it is
 * killed; then a table of what became of them, and the audit of every row beside the client's log. Ends with 0 when each
 * ended as it must and the audit found nothing, with 1 otherwise, and with 2 when it could not be run.
 */
import { parseArgs } from 'node:util';
import { terminal } from '@sagamore/local';
import { missingForBroker } from '../../deploy/local/kafka/jars.js';
import { stackProcess, type StackProcess } from '../e2e/stack.process.js';
import { placeOrders, victimsOf, type OrdersVerdict } from './orders.js';
import { Progress } from './progress.js';
import { fateTable } from './table.js';

const { colours, line, step } = terminal;

const usage = `Usage: npm run orders -- local | kafka [options]

  --orders <number>   to be placed, of mixed fate                       (default 1000)
  --kill <process>    kill -9 of it in the middle of the orders: order, inventory, payment, shipping, orchestrator,
                      simulators, kafka, postgres, or all of them, one after the other; in local: local
  --seed <number>     draws the orders and the moment of each kill      (default: a random one)
  --at-once <number>  orders under way at one time                      (default 64)
  --help              this text
`;

const profiles = {
  local: { entry: 'apps/local/src/main.ts', flags: ['--no-story', '--port', '0'] },
  kafka: { entry: 'deploy/local/kafka/main.ts', flags: ['--port', '0'] },
} as const;

/** The run cannot be held; the message says what to do. */
class CannotRun extends Error {}

interface Options {
  readonly profile: keyof typeof profiles;
  readonly orders: number;
  readonly kill: string | undefined;
  readonly seed: number;
  readonly atOnce: number;
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      orders: { type: 'string', default: '1000' },
      kill: { type: 'string' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      'at-once': { type: 'string', default: '64' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    process.exit(0);
  }
  const [profile] = positionals;
  if (positionals.length !== 1 || (profile !== 'local' && profile !== 'kafka'))
    throw new CannotRun(`name one stack: local or kafka.\n\n${usage}`);
  return {
    profile,
    orders: numberOf('--orders', values.orders),
    kill: values.kill,
    seed: numberOf('--seed', values.seed),
    atOnce: numberOf('--at-once', values['at-once']),
  };
}

function numberOf(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new CannotRun(`${flag} takes a whole number, found ${text}`);
  return Number(text);
}

async function main(): Promise<number> {
  const options = readOptions();
  const missing =
    options.profile === 'kafka' && !process.env['KAFKA_BROKERS'] ? missingForBroker() : undefined;
  if (missing !== undefined) throw new CannotRun(missing);
  const { profile, orders, seed } = options;
  line(colours.bold(`${orders} orders to ${profile}`) + colours.dim(`, seed ${seed}`));
  const { entry, flags } = profiles[profile];
  const stack = stackProcess(entry, flags);
  try {
    return await Promise.race([run(stack, options), interrupted()]);
  } catch (error) {
    if (!(error instanceof CannotRun)) line(colours.dim(`the stack's last words:\n${stack.tail()}`));
    throw error;
  } finally {
    await stack.dispose();
  }
}

async function run(stack: StackProcess, options: Options): Promise<number> {
  await step(`a stack of its own`, () => stack.start());
  const victims = chosen(victimsOf(stack), options.kill);
  const startedAt = performance.now();
  const ended = new AbortController();
  const progress = new Progress(options.orders);
  const telling = progress.tell((text) => line(colours.dim(`  ${text}`)), ended.signal);
  const verdict = await placeOrders(stack, {
    seed: options.seed,
    orders: options.orders,
    run: `orders-${options.seed}`,
    atOnce: options.atOnce,
    victims,
    onTaken: progress.onTaken,
    onEnded: progress.onEnded,
    onKilled: (victim) => line(colours.yellow(`⚡ kill -9 of ${victim}: ${progress.words}`)),
  }).finally(() => ended.abort());
  await telling;
  return report(verdict, (performance.now() - startedAt) / 1_000);
}

function chosen(offered: readonly string[], kill: string | undefined): readonly string[] {
  if (kill === undefined) return [];
  if (kill === 'all') return offered;
  if (!offered.includes(kill))
    throw new CannotRun(`there is no process ${kill} to kill: name ${offered.join(', ')} or all`);
  return [kill];
}

function report({ ends, helped, killed, problems, audit }: OrdersVerdict, seconds: number): number {
  line();
  for (const row of fateTable(ends)) line(`  ${row}`);
  line();
  line(
    `  ${ends.length} orders ended in ${seconds.toFixed(1)} s; ${helped} of them waited for a person, as they were to`,
  );
  if (killed.length > 0) line(`  killed and back, with nobody's help: ${killed.join(', ')}`);
  for (const problem of problems) line(colours.red(`✘ ${problem}`));
  if (audit.code !== 0) line(audit.output);
  const verdict = audit.output.trim().split('\n').at(-1) ?? '';
  const isWell = problems.length === 0 && audit.code === 0;
  line(
    isWell
      ? colours.green(`✔ ${verdict}`)
      : colours.red(`✘ ${problems.length} problems; the audit: ${verdict}`),
  );
  return isWell ? 0 : 1;
}

/** Rejects when somebody gives the run up; what it started is then stopped. */
function interrupted(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => reject(new CannotRun('the run was interrupted')));
  return promise;
}

const code = await main().catch((error: unknown) => {
  process.stderr.write(`${colours.red('✘')} ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof CannotRun ? 2 : 1;
});
// A run that was given up leaves clients behind who are still waiting for their orders.
process.exit(code);
