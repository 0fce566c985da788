/**
 * `npm run test:nightly`: thousands of simulated worlds, each drawn from its seed, on all processors. Progress on the way; ends
 * with 0 when every world kept every invariant, with 1 otherwise, and names each broken seed with the command that replays it.
 * `SEEDS=20000` widens the search, `FROM=10001` goes on where another night ended, `SEED=42` lives one world alone, and
 * `MINUTES=30` bounds the time: what was not reached is said, and is no failure.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { terminal } from '@sagamore/local';
import { nodeFlags } from '../../deploy/local/node-flags.mjs';
import { rangesOf, type BrokenWorld, type SeedRange, type Totals } from './seeds.js';
import { missing, type Lived } from './nightly.worker.js';

const { colours, line } = terminal;
/** Seeds that a worker lives before it tells how far it is. */
const rangeSize = 100;
/** After so many broken worlds more would teach nothing. */
const brokenMax = 20;

class Night {
  readonly totals: Totals = {};
  readonly broken: BrokenWorld[] = [];
  lived = 0;
  private readonly begunAt = performance.now();

  constructor(
    private readonly ranges: SeedRange[],
    private readonly worlds: number,
    private readonly msMax: number,
  ) {}

  /** The next range to live, if the night is not over. */
  next(): SeedRange | undefined {
    const isOver = performance.now() - this.begunAt > this.msMax || this.broken.length >= brokenMax;
    return isOver ? undefined : this.ranges.shift();
  }

  hear({ worlds, broken, totals }: Lived): void {
    this.lived += worlds;
    this.broken.push(...broken);
    for (const [what, times] of Object.entries(totals)) this.totals[what] = (this.totals[what] ?? 0) + times;
    for (const { seed, story } of broken) {
      line(colours.red(story));
      line(`replay it: SEED=${seed} npm run test:sim`);
    }
    const seconds = Math.round((performance.now() - this.begunAt) / 1_000);
    line(colours.dim(`  ${this.lived} of ${this.worlds} seeds, ${this.broken.length} broken, ${seconds} s`));
  }
}

async function main(): Promise<number> {
  const first = numberFrom('SEED', numberFrom('FROM', 1));
  const worlds = process.env['SEED'] === undefined ? numberFrom('SEEDS', 10_000) : 1;
  const night = new Night(
    [...rangesOf({ first, last: first + worlds - 1 }, rangeSize)],
    worlds,
    numberFrom('MINUTES', 180) * 60_000,
  );
  const workers = Math.min(availableParallelism(), Math.ceil(worlds / rangeSize));
  line(colours.bold(`seeds ${first} to ${first + worlds - 1}`) + colours.dim(`, ${workers} at a time`));
  await Promise.all(Array.from({ length: workers }, () => work(night)));
  return judge(night, worlds);
}

/** One worker process, range after range, until there is none. It is made anew when it dies: that world is broken too. */
async function work(night: Night): Promise<void> {
  for (let range = night.next(); range !== undefined; range = night.next()) night.hear(await lived(range));
}

/** A process of its own for each range, so that no night is longer than its memory. */
function lived({ first, last }: SeedRange): Promise<Lived> {
  const script = fileURLToPath(new URL('nightly.worker.ts', import.meta.url));
  const child = spawn(process.execPath, [...nodeFlags, script, String(first), String(last)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told += text));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const story = `a worker over seeds ${first} to ${last} ended with ${code}`;
      resolve(
        code === 0
          ? (JSON.parse(told) as Lived)
          : { worlds: 0, broken: [{ seed: first, story }], totals: {} },
      );
    });
  });
}

function judge({ lived: count, broken, totals }: Night, worlds: number): number {
  const never = count >= 1_000 ? missing(totals) : [];
  for (const what of never) line(colours.red(`✘ no world met: ${what}`));
  if (count < worlds) line(colours.dim(`the time was over: ${worlds - count} seeds were not lived`));
  if (broken.length > 0) {
    line(colours.red(`✘ ${broken.length} of ${count} worlds are broken: seeds ${seedsOf(broken)}`));
    return 1;
  }
  const faults = Object.entries(totals).reduce((sum, [what, n]) => (what === 'faults' ? sum + n : sum), 0);
  line(colours.green(`✔ ${count} seeds kept every invariant through ${faults} faults`));
  return never.length === 0 ? 0 : 1;
}

function seedsOf(broken: readonly BrokenWorld[]): string {
  return broken.map(({ seed }) => seed).join(', ');
}

function numberFrom(name: string, otherwise: number): number {
  const text = process.env[name];
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw new TypeError(`${name} is a whole number, found ${text}`);
  return Number(text);
}

process.exitCode = await main();
