/**
 * What each process of the stack calls its servers: directly, or, with `--links`, through a Toxiproxy that drills and chaos
 * may cut. Each process has links of its own, so that one can be cut off while the others go on.
 */
import { join } from 'node:path';
import { freePorts } from './probe.js';
import { Links, startToxiproxy } from '../toxiproxy/toxiproxy.js';

/** How processes reach what they need. */
export interface Ways {
  /** The port that stands before the broker for each process; empty where nothing does. */
  readonly doors: Readonly<Record<string, number>>;
  /** Where links are cut; undefined where there are none. */
  readonly url?: string;
  /** Joins the links to the servers, once those run. Resolves with what each process has to be told. */
  join(servers: Servers): Promise<(process: string) => Readonly<Record<string, string>>>;
  stop(): Promise<void>;
}

export interface Servers {
  /** Where the broker listens, by door. */
  readonly brokerDoors: Readonly<Record<string, number>>;
  readonly databaseUrls: Readonly<Record<string, string>>;
  readonly simulatorsUrl: string;
}

export const direct: Ways = {
  doors: {},
  join: () => Promise.resolve(() => ({})),
  stop: () => Promise.resolve(),
};

/** The kinds of servers that a process has a link to: `<kind>-<process>` is the link's name. */
const kinds = ['kafka', 'postgres', 'outside'] as const;
type Kind = (typeof kinds)[number];

/** Starts the Toxiproxy (built once with Go). Nothing is joined yet. */
export async function linked(
  processes: readonly string[],
  directory: string,
  log: (line: string) => void,
): Promise<Ways> {
  const toxiproxy = await startToxiproxy({ directory: join(directory, 'toxiproxy'), log });
  const links = new Links(toxiproxy.url);
  const free = await freePorts(processes.length * kinds.length);
  const portOf = (process: string, kind: Kind): number =>
    free[processes.indexOf(process) * kinds.length + kinds.indexOf(kind)]!;
  return {
    url: toxiproxy.url,
    doors: Object.fromEntries(processes.map((process) => [process, portOf(process, 'kafka')])),
    stop: () => toxiproxy.stop(),
    async join({ brokerDoors, databaseUrls, simulatorsUrl }) {
      for (const process of processes) {
        const upstream = {
          kafka: brokerDoors[process]!,
          postgres: Number(new URL(databaseOf(databaseUrls, process)).port),
          outside: Number(new URL(simulatorsUrl).port),
        };
        for (const kind of kinds)
          await links.join(`${kind}-${process}`, portOf(process, kind), upstream[kind]);
      }
      return (process) => {
        if (!processes.includes(process)) return {};
        const outside = `http://127.0.0.1:${portOf(process, 'outside')}`;
        return {
          KAFKA_BROKERS: `127.0.0.1:${portOf(process, 'kafka')}`,
          [`DATABASE_URL_${serviceOf(process).toUpperCase()}`]: through(
            databaseOf(databaseUrls, process),
            portOf(process, 'postgres'),
          ),
          CARD_NETWORK_URL: outside,
          CARRIER_URL: outside,
          PARTICIPANT_URL_TRAVEL: `${outside}/travel`,
          PARTICIPANT_URL_BILLING: `${outside}/billing`,
        };
      };
    },
  };
}

/** The service that a process runs: `orchestrator-2` is one of several orchestrators. */
export function serviceOf(process: string): string {
  return process.replace(/-\d+$/, '');
}

function databaseOf(urls: Readonly<Record<string, string>>, process: string): string {
  return urls[serviceOf(process)]!;
}

/** Over the network even where a socket of the file system was named: nothing can stand before that. */
function through(databaseUrl: string, port: number): string {
  const url = new URL(databaseUrl);
  url.searchParams.delete('host');
  url.port = String(port);
  return url.href;
}
