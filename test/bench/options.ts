/**
 * What `npm run bench` was asked to do. Pure but for reading the command line: nothing is started here.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const usage = `Usage: npm run bench -- <local|kafka|telemetry|floor|waits> [options]

  local   everything in one process on an embedded Postgres      (256 clients)
  kafka   five processes over a real Kafka                       (1024 clients)
  telemetry  the local profile without traces, at 10 % and 100 % of them, and without metrics, in turn: what each costs
  floor   the same rows in bare SQL: what no framework can beat
  waits   transactions that wait for a month: memory, disk, a restart, an idle sweep, a crowd that falls due

  --clients <n>       clients that each wait for their order before they place the next
  --rate <n>          an open loop instead: n orders a second, for latency at a low load
  --entry <which>     rest: POST /orders with Prefer: wait, from a process of its own
                      service: OrderService inside the order process   (default: a row for each)
  --seconds <n>       measured, after the warm-up                      (default 15; telemetry: 10)
  --warm-up <n>       seconds before that                              (default 5)
  --catalogue <n>     products, so that stock rows are no hot spot     (default 1000)
  --count <n>         transactions that wait                           (default 100000)
  --runs <n>          repeats, each on a fresh stack; prints median, least and most (telemetry: rounds, default 5)
  --simulators        the HTTP simulators instead of the in-process card network and carrier
  --profile-cpu       writes a .cpuprofile of each service process and prints its hottest functions
  --statements        prints the costliest SQL statements (the counting itself costs some CPU)
  --json              one object a line on stdout; progress goes to stderr
  --out <path>        where profiles are written                       (default .sagamore/bench)
  --help              this text
`;

export type Entry = 'rest' | 'service';
export type Profile = 'local' | 'kafka';

export interface BenchOptions {
  readonly profile: Profile;
  readonly entries: readonly Entry[];
  readonly clients: number;
  /** Orders a second; absent in a closed loop. */
  readonly rate?: number;
  readonly seconds: number;
  readonly warmUp: number;
  readonly catalogue: number;
  readonly runs: number;
  readonly simulators: boolean;
  readonly profileCpu: boolean;
  readonly statements: boolean;
  readonly json: boolean;
  readonly out: string;
  /** Settings of the processes that are measured, besides those of the environment. */
  readonly settings: Readonly<Record<string, string>>;
}

export type Asked =
  | { readonly what: 'help' }
  | { readonly what: 'waits'; readonly count: number; readonly json: boolean }
  | { readonly what: 'bench' | 'floor' | 'telemetry'; readonly options: BenchOptions };

/** Closed loops big enough to fill both cores: over Kafka a batch waits longer, so more must be under way. */
const clientsOf: Readonly<Record<Profile, number>> = { local: 256, kafka: 1_024 };

/** Throws a `TypeError` that names the argument that does not fit. */
export function readOptions(args: readonly string[]): Asked {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      clients: { type: 'string' },
      rate: { type: 'string' },
      entry: { type: 'string' },
      seconds: { type: 'string' },
      'warm-up': { type: 'string', default: '5' },
      catalogue: { type: 'string', default: '1000' },
      count: { type: 'string', default: '100000' },
      runs: { type: 'string' },
      simulators: { type: 'boolean', default: false },
      'profile-cpu': { type: 'boolean', default: false },
      statements: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      out: { type: 'string', default: '.sagamore/bench' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { what: 'help' };
  const [which = ''] = positionals;
  if (positionals.length === 1 && which === 'waits')
    return { what: 'waits', count: whole('--count', values.count, 10_000_000), json: values.json };
  if (positionals.length !== 1 || !['local', 'kafka', 'telemetry', 'floor'].includes(which))
    throw new TypeError(
      `wanted local, kafka, telemetry, floor or waits, found ${positionals.join(' ') || 'nothing'}`,
    );
  const isCompared = which === 'telemetry';
  const profile = which === 'kafka' ? 'kafka' : 'local';
  const options = {
    profile,
    entries: entriesOf(values.entry ?? (isCompared ? 'service' : undefined)),
    clients: values.clients === undefined ? clientsOf[profile] : whole('--clients', values.clients, 4_096),
    ...(values.rate !== undefined && { rate: whole('--rate', values.rate, 100_000) }),
    seconds: whole('--seconds', values.seconds ?? (isCompared ? '10' : '15'), 3_600),
    warmUp: whole('--warm-up', values['warm-up'], 600),
    catalogue: whole('--catalogue', values.catalogue, 10_000),
    runs: whole('--runs', values.runs ?? (isCompared ? '5' : '1'), 100),
    simulators: values.simulators,
    profileCpu: values['profile-cpu'],
    statements: values.statements,
    json: values.json,
    out: resolve(values.out),
    settings: {},
  } as const;
  return { what: which === 'floor' || which === 'telemetry' ? which : 'bench', options };
}

function entriesOf(given: string | undefined): readonly Entry[] {
  if (given === undefined) return ['rest', 'service'];
  if (given === 'rest' || given === 'service') return [given];
  throw new TypeError(`--entry takes rest or service, found ${given}`);
}

function whole(name: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= 1 && value <= most) return value;
  throw new TypeError(`${name} takes a whole number from 1 to ${most}, found ${text}`);
}
