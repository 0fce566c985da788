/**
 * `npm run drill -- <name>`: breaks the running stack while orders go through it, tells what happens and what survived, and
 * lets the audit read every row. Ends with 0 when every order ended as it must and no row contradicts another, with 1
 * when anything was lost, and with 2 when the drill could not be held.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readStack, terminal } from '@sagamore/local';
import { z } from 'zod';
import { Links } from '../../deploy/local/toxiproxy/toxiproxy.js';
import { planOrders } from '../e2e/fates.js';
import { OrdersClient, surprises, type OrderResult } from '../e2e/orders.client.js';
import { runAudit, untilServing } from '../e2e/stack.process.js';
import { Progress } from '../orders/progress.js';
import { Lull } from './lull.js';
import { drills, type Drill, type Scene } from './drills.js';

const { colours, line } = terminal;
const start = 'npm run start:kafka -- --orchestrators 2 --links';

const usage = `Usage: npm run drill -- <name> [options]

${Object.entries(drills)
  .map(([name, { title }]) => `  ${name.padEnd(22)} ${title}`)
  .join('\n')}

  --orders <number>    to be placed meanwhile      (default 60)
  --directory <path>   of the running stack        (default .sagamore)
  --help               this text

The stack must run:  ${start}
`;

/** A stack that has just been broken by another drill may still be coming back. */
const answerMsMax = 20_000;

/** The drill cannot be held; the message says what to do. */
class CannotDrill extends Error {}

interface Options {
  readonly drill: Drill;
  readonly orders: number;
  readonly directory: string;
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      orders: { type: 'string', default: '60' },
      directory: { type: 'string', default: '.sagamore' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    process.exit(0);
  }
  const drill = drills[positionals[0] ?? ''];
  if (drill === undefined || positionals.length > 1) throw new CannotDrill(`name one drill.\n\n${usage}`);
  if (!/^[1-9]\d{0,4}$/.test(values.orders))
    throw new CannotDrill(`--orders takes a number from 1 to 99999, found ${values.orders}`);
  return { drill, orders: Number(values.orders), directory: resolve(values.directory) };
}

async function main(): Promise<number> {
  const { drill, orders, directory } = readOptions();
  const scene = findScene(directory, drill);
  await untilAnswers(directory);
  const run = `drill-${Date.now()}`;
  mkdirSync(join(directory, 'drills'), { recursive: true });
  const log = join(directory, 'drills', `${run}.jsonl`);
  line(colours.bold(drill.title));
  line(colours.dim(`  ${orders} orders are placed; a third of the way in, it breaks.`));
  const results = await orderAndBreak(drill, scene, { orders, directory, run, log });
  tellEnds(results);
  const lost = surprises(results);
  for (const one of lost) line(colours.red(`✘ ${one}`));
  line(colours.dim('  now every row of every database is read and compared'));
  const audit = await runAudit(directory, log);
  if (lost.length > 0 || audit.code !== 0) {
    line(audit.output);
    line(colours.red('✘ something was lost'));
    return 1;
  }
  line(colours.green(`✔ nothing was lost: ${audit.output.trim().split('\n').at(-1)}`));
  line(`  ${colours.bold('Why?')} ${drill.because}`);
  return 0;
}

interface Act {
  readonly orders: number;
  readonly directory: string;
  readonly run: string;
  readonly log: string;
}

async function orderAndBreak(
  drill: Drill,
  scene: Scene,
  { orders, directory, run, log }: Act,
): Promise<readonly OrderResult[]> {
  const progress = new Progress(orders);
  const lull = new Lull();
  let breaking: Promise<void> | undefined;
  const client = new OrdersClient({
    place: placeOf(directory),
    log,
    atOnce: 12,
    onAcknowledged: (count) => {
      progress.onTaken(count);
      if (count >= orders / 3) breaking ??= breakIt(drill, scene, lull);
    },
    onEnded: () => {
      progress.onEnded();
      lull.sawEnd();
    },
  });
  const startedAt = performance.now();
  // What waits for a person, or for long, would only make the reader wait.
  const planned = planOrders({
    seed: startedAt,
    orders,
    run,
    among: (fate) => fate.parks !== true && !fate.name.startsWith('slow'),
  });
  const ended = new AbortController();
  const telling = progress.tell((text) => line(colours.dim(`  ${text}`)), ended.signal);
  try {
    const results = await client.run(planned);
    await breaking;
    await client.readAgain(results);
    line(`  after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s every order has ended`);
    line(
      `  the longest wait for the next order to end was ${(lull.longestMs / 1_000).toFixed(1)} s; then all went on by itself`,
    );
    return results;
  } finally {
    ended.abort();
    await telling;
  }
}

async function breakIt(drill: Drill, scene: Scene, lull: Lull): Promise<void> {
  line(colours.yellow(`⚡ ${drill.breaks}`));
  lull.begin();
  await drill.act(scene);
  line(colours.cyan(`  ${drill.healed}`));
}

function tellEnds(results: readonly OrderResult[]): void {
  const count = (status: string): number => results.filter((result) => result.status === status).length;
  line(
    `  ${count('CONFIRMED')} were paid and shipped, ${count('REJECTED')} were refused and all of it undone, ` +
      `${count('PARKED')} wait for a person`,
  );
}

const pidFile = z.record(z.string(), z.int());

function findScene(directory: string, drill: Drill): Scene {
  const stack = readStack(directory);
  const { linksUrl, brokers } = stack ?? {};
  if (stack === undefined || brokers === undefined)
    throw new CannotDrill(`no stack over Kafka runs in ${directory}. Start one first:  ${start}`);
  if (drill.needsLinks === true && linksUrl === undefined)
    throw new CannotDrill(
      `this drill cuts connections, and the stack was started without any to cut:  ${start}`,
    );
  const file = join(directory, 'processes.json');
  return {
    pids: () => pidFile.parse(JSON.parse(readFileSync(file, 'utf8'))),
    links: linksUrl === undefined ? undefined : new Links(linksUrl),
    disk: undefined,
    brokers,
    say: (text) => line(colours.dim(`  ${text}`)),
  };
}

/** The files of a stack outlive it, and its process ids may be others' by now: nothing is broken before somebody answers. */
async function untilAnswers(directory: string): Promise<void> {
  await untilServing(placeOf(directory), answerMsMax).catch(() => {
    throw new CannotDrill(
      `the stack of ${directory} does not run, or is not ready. Start it first:  ${start}`,
    );
  });
}

function placeOf(directory: string): ConstructorParameters<typeof OrdersClient>[0]['place'] {
  const urlOf = (name: 'orderUrl' | 'orchestratorUrl' | 'simulatorsUrl') => () =>
    readStack(directory)?.[name] ?? 'http://127.0.0.1:9';
  return {
    orderUrl: urlOf('orderUrl'),
    orchestratorUrl: urlOf('orchestratorUrl'),
    simulatorsUrl: urlOf('simulatorsUrl'),
  };
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${colours.red('✘')} ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof CannotDrill ? 2 : 1;
});
