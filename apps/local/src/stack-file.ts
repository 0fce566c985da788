/**
 * What a running stack leaves for the tools beside it: `.sagamore/stack.json` says where its databases and doors are,
 * so that `npm run audit` finds the running or the last stack without being told. Holds passwords: readable by its
 * owner alone.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The services that own a database each. */
export const services = ['order', 'inventory', 'payment', 'shipping', 'orchestrator'] as const;

export interface Stack {
  readonly profile: 'local' | 'kafka';
  readonly orderUrl: string;
  readonly orchestratorUrl: string;
  /** The card network's and carrier's simulators; absent with other providers. */
  readonly simulatorsUrl?: string;
  /** By service. */
  readonly databaseUrls: Readonly<Record<string, string>>;
  /** Where the embedded Postgres keeps its data, when the databases are its; to start it again after the stack ended. */
  readonly postgresDirectory?: string;
  /** Where the simulators keep their ledgers. */
  readonly simulatorsDirectory?: string;
  /** As `KAFKA_BROKERS` names them, in the profile `kafka`. */
  readonly brokers?: string;
  /** Where the links between processes and their servers are cut, when the stack was started with links. */
  readonly linksUrl?: string;
}

const fileName = 'stack.json';

export function writeStack(directory: string, stack: Stack): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, fileName), `${JSON.stringify(stack, null, 2)}\n`, { mode: 0o600 });
}

/** The last stack of this directory, or undefined when there never was one. */
export function readStack(directory: string): Stack | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, fileName), 'utf8')) as Stack;
  } catch {
    return undefined;
  }
}

/** The environment's names of the databases, as a service's process reads them. */
export function databaseEnvironment(databaseUrls: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(databaseUrls).map(([service, url]) => [
    `DATABASE_URL_${service.toUpperCase()}`,
    url,
  ]);
  return Object.fromEntries(entries);
}
