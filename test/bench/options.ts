/**
 * What `npm run bench` was asked to do. Pure: the arguments are handed in, and nothing is started here.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { placeOrderDefinitions, type OrderProtocol } from '@sagamore/contracts';

export const usage = `Usage: npm run bench -- <what> [options]

  local      everything in one process on an embedded Postgres      (256 clients)
  kafka      five processes over a real Kafka                       (1024 clients)
  latency    local and kafka, rest and service, at a low rate       (20 orders a second)
  table      every row of the table in turn, the floor before and after them: what each costs beside the floor
  growth     how costs grow with clients, steps, orchestrators, waiting and finished transactions
  telemetry  the local profile without traces, at 10 % and 100 % of them, and without metrics, in turn: what each costs
  floor      the same rows in bare SQL: what no framework can beat
  waits      transactions that wait for a month: memory, disk, a restart, an idle sweep, a crowd that falls due
  smoke      floor and local profile in turn, briefly: fails when an order costs a quarter more floors than recorded

  --clients <n>       clients that each wait for their order before they place the next
  --rate <n>          an open loop instead: n orders a second, for latency at a low load
  --entry <which>     rest: POST /orders with Prefer: wait, from a process of its own
                      service: OrderService inside the order process   (default: a row for each)
  --protocol <which>  saga, tcc or two-phase-commit                    (default saga)
  --orchestrators <n> orchestrator processes of the kafka profile      (default 1)
  --seconds <n>       measured, after the warm-up                      (default 15; telemetry, growth: 10; smoke: 3)
  --transactions <n>  measured until so many have ended instead, whatever time that takes
  --warm-up <n>       seconds before that                              (default 5; smoke: 1)
  --catalogue <n>     products, so that stock rows are no hot spot     (default 1000)
  --count <n>         waits: transactions that wait                    (default 100000)
  --only <which>      growth: clients, steps, orchestrators, waiting or finished alone
  --most <n>          growth: fills in no more transactions than this  (default 1000000)
  --runs <n>          repeats, each on a fresh stack; prints median, least and most
                      (telemetry, table, smoke: rounds; default 5, 1, 3)
  --simulators        the HTTP simulators instead of the in-process card network and carrier
  --profile-cpu       writes a .cpuprofile and a .flame.svg of each service process, prints its hottest functions
  --statements        prints the costliest SQL statements (the counting itself costs some CPU)
  --record            smoke: what is found now is what later ones are held against
  --json              one object a line on stdout; progress goes to stderr
  --pictures <dir>    growth, table: where pictures are written        (default: none)
  --out <path>        where profiles are written                       (default .sagamore/bench)
  --help              this text
`;

export type Entry = 'rest' | 'service';
/** `steps`: a synthetic saga over a coordinator and a participant without the rest of the house; growth alone asks for it. */
export type Profile = 'local' | 'kafka' | 'steps';

/** What growth is measured along. */
export const axes = ['clients', 'steps', 'orchestrators', 'waiting', 'finished'] as const;
export type Axis = (typeof axes)[number];

export interface BenchOptions {
  readonly profile: Profile;
  readonly entries: readonly Entry[];
  readonly protocol: OrderProtocol;
  readonly clients: number;
  /** Orders a second; absent in a closed loop. */
  readonly rate?: number;
  readonly orchestrators: number;
  /** Of the synthetic saga. */
  readonly steps: number;
  readonly seconds: number;
  /** Measured until so many have ended; absent where the seconds count. */
  readonly transactions?: number;
  readonly warmUp: number;
  readonly catalogue: number;
  readonly runs: number;
  readonly simulators: boolean;
  readonly profileCpu: boolean;
  readonly statements: boolean;
  /** Whether somebody needs the administrator of Postgres: then the server of the local profile starts once before. */
  readonly administered: boolean;
  readonly json: boolean;
  readonly out: string;
  /** Where pictures go; absent where none are wanted. */
  readonly pictures?: string;
  /** Settings of the processes that are measured, besides those of the environment. */
  readonly settings: Readonly<Record<string, string>>;
}

const commands = [
  'local',
  'kafka',
  'latency',
  'table',
  'growth',
  'telemetry',
  'floor',
  'waits',
  'smoke',
] as const;
type Command = (typeof commands)[number];

export type Asked =
  | { readonly what: 'help' }
  | { readonly what: 'waits'; readonly count: number; readonly json: boolean }
  | {
      readonly what: 'growth';
      readonly options: BenchOptions;
      readonly axes: readonly Axis[];
      readonly most: number;
    }
  | { readonly what: 'smoke'; readonly options: BenchOptions; readonly record: boolean }
  | { readonly what: 'bench' | 'floor' | 'telemetry' | 'latency' | 'table'; readonly options: BenchOptions };

/** Closed loops big enough to fill both cores: over Kafka a batch waits longer, so more must be under way. */
export const clientsOf: Readonly<Record<Profile, number>> = { local: 256, kafka: 1_024, steps: 256 };

const secondsOf: Readonly<Partial<Record<Command, string>>> = { telemetry: '10', growth: '10', smoke: '3' };
const warmUpOf: Readonly<Partial<Record<Command, string>>> = { smoke: '1' };
const runsOf: Readonly<Partial<Record<Command, string>>> = { telemetry: '5', smoke: '3' };
const lowRate = '20';

const flags = {
  clients: { type: 'string' },
  rate: { type: 'string' },
  entry: { type: 'string' },
  protocol: { type: 'string', default: 'saga' },
  orchestrators: { type: 'string', default: '1' },
  seconds: { type: 'string' },
  transactions: { type: 'string' },
  'warm-up': { type: 'string' },
  catalogue: { type: 'string', default: '1000' },
  count: { type: 'string', default: '100000' },
  only: { type: 'string' },
  most: { type: 'string', default: '1000000' },
  runs: { type: 'string' },
  simulators: { type: 'boolean', default: false },
  'profile-cpu': { type: 'boolean', default: false },
  statements: { type: 'boolean', default: false },
  record: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  pictures: { type: 'string' },
  out: { type: 'string', default: '.sagamore/bench' },
  help: { type: 'boolean', default: false },
} as const;

type Values = ReturnType<typeof parsed>['values'];

function parsed(args: readonly string[]) {
  return parseArgs({ args: [...args], allowPositionals: true, options: flags });
}

/** Throws a `TypeError` that names the argument that does not fit. */
export function readOptions(args: readonly string[]): Asked {
  const { values, positionals } = parsed(args);
  if (values.help) return { what: 'help' };
  const [what] = positionals;
  if (positionals.length !== 1 || !isOneOf(commands, what))
    throw new TypeError(`wanted one of ${commands.join(', ')}, found ${positionals.join(' ') || 'nothing'}`);
  if (what === 'waits') return { what, count: whole('--count', values.count, 10_000_000), json: values.json };
  const options = optionsOf(what, values);
  if (what === 'smoke') return { what, options, record: values.record };
  if (what === 'growth')
    return { what, options, axes: axesOf(values.only), most: whole('--most', values.most, 100_000_000) };
  return { what: what === 'local' || what === 'kafka' ? 'bench' : what, options };
}

function optionsOf(what: Command, values: Values): BenchOptions {
  const profile = what === 'kafka' ? 'kafka' : 'local';
  const rate = values.rate ?? (what === 'latency' ? lowRate : undefined);
  return {
    profile,
    entries: entriesOf(values.entry ?? (what === 'telemetry' ? 'service' : undefined)),
    protocol: protocolOf(values.protocol),
    clients: values.clients === undefined ? clientsOf[profile] : whole('--clients', values.clients, 10_000),
    ...(rate !== undefined && { rate: whole('--rate', rate, 100_000) }),
    orchestrators: whole('--orchestrators', values.orchestrators, 8),
    steps: 3,
    seconds: whole('--seconds', values.seconds ?? secondsOf[what] ?? '15', 86_400),
    ...(values.transactions !== undefined && {
      transactions: whole('--transactions', values.transactions, 100_000_000),
    }),
    warmUp: whole('--warm-up', values['warm-up'] ?? warmUpOf[what] ?? '5', 600),
    catalogue: whole('--catalogue', values.catalogue, 10_000),
    runs: whole('--runs', values.runs ?? runsOf[what] ?? '1', 100),
    simulators: values.simulators,
    profileCpu: values['profile-cpu'],
    statements: values.statements,
    administered: values.statements,
    json: values.json,
    out: resolve(values.out),
    ...(values.pictures !== undefined && { pictures: resolve(values.pictures) }),
    settings: {},
  };
}

function entriesOf(given: string | undefined): readonly Entry[] {
  if (given === undefined) return ['rest', 'service'];
  if (given === 'rest' || given === 'service') return [given];
  throw new TypeError(`--entry takes rest or service, found ${given}`);
}

function protocolOf(given: string): OrderProtocol {
  if (isProtocol(given)) return given;
  throw new TypeError(`--protocol takes ${Object.keys(placeOrderDefinitions).join(', ')}, found ${given}`);
}

function isProtocol(given: string): given is OrderProtocol {
  return Object.hasOwn(placeOrderDefinitions, given);
}

function axesOf(given: string | undefined): readonly Axis[] {
  if (given === undefined) return axes;
  if (isOneOf(axes, given)) return [given];
  throw new TypeError(`--only takes ${axes.join(', ')}, found ${given}`);
}

function isOneOf<Word extends string>(words: readonly Word[], given: string | undefined): given is Word {
  return words.some((word) => word === given);
}

function whole(name: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= 1 && value <= most) return value;
  throw new TypeError(`${name} takes a whole number from 1 to ${most}, found ${text}`);
}
