/**
 * `npm start`: everything in one process, with nothing installed. Shows what it does while it prepares, tells the story,
 * prints where to look, and serves until it is told to stop.
 */
import { createServer } from 'node:net';
import { resolve as absolute } from 'node:path';
import { parseArgs } from 'node:util';
import { startLocal, type Local } from './local.js';
import { tellStory } from './story.js';
import { colours, line, step } from './terminal.js';

const usage = `Usage: npm start -- [options]

  --port <number>     where to serve; 0 takes a free port     (default 3000)
  --no-story          do not tell the story, only serve
  --directory <path>  where data is kept between runs          (default .sagamore)
  --help              this text
`;

interface Options {
  readonly port: number;
  readonly story: boolean;
  readonly directory: string;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '3000' },
      'no-story': { type: 'boolean', default: false },
      directory: { type: 'string', default: '.sagamore' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    process.exit(0);
  }
  const port = Number(values.port);
  if (!/^\d{1,5}$/.test(values.port) || port > 65_535)
    throw new TypeError(`--port takes a number from 0 to 65535, found ${values.port}`);
  return { port, story: !values['no-story'], directory: absolute(values.directory) };
}

async function main(): Promise<void> {
  const { port, story, directory } = readOptions();
  await mustBeFree(port);
  line(colours.bold('Sagamore') + colours.dim(' — sagas for services that speak NestJS, Kafka and Postgres'));
  line();
  const local = await startLocal({ directory, port, stage: step });
  stopOnSignals(local);
  if (story)
    await tellStory({ orderUrl: local.url, orchestratorUrl: local.url, simulatorsUrl: local.simulatorsUrl });
  sayWhereToLook(local);
}

/** Asked before anything starts, so that a port in use costs one line and no waiting. Rejects with `EADDRINUSE`. */
async function mustBeFree(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', resolve),
  );
  await new Promise((resolve) => server.close(resolve));
}

function sayWhereToLook({ url, simulatorsUrl }: Local): void {
  line(colours.bold('Where to look'));
  line(`  orders         ${url}/orders        products ${url}/products`);
  line(`  transactions   ${url}/transactions  parked   ${url}/transactions?status=parked`);
  line(`  the API        ${url}/openapi.json  health   ${url}/health/ready`);
  line(`  card network   ${simulatorsUrl}/card-network/ledger`);
  line(colours.dim('  Ctrl-C stops; data stays. npm run audit checks every row against the invariants.'));
  line();
  line(`ready ${url}`);
}

function stopOnSignals(local: Local): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Not `once`: npm and a process manager may each pass the signal on, and the second one must not cut the drain short.
    process.on(signal, () => {
      setTimeout(() => process.exit(1), 18_000).unref();
      local.stop().then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
    });
  }
}

/** One line that says what is wrong; a stack trace helps nobody who only wants to start. */
function fail(error: unknown): never {
  const problem = error as { code?: string; port?: number; message?: string };
  const text =
    problem.code === 'EADDRINUSE'
      ? `port ${problem.port} is in use by another program; choose one with: npm start -- --port 0`
      : (problem.message ?? String(error));
  process.stderr.write(`${colours.red('✘')} ${text}\n`);
  process.exit(1);
}

await main().catch(fail);
