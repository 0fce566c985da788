/**
 * Finds what is to be audited: the databases named by the environment, else those of the running or the last stack of a
 * directory, whose embedded Postgres is started again when it no longer runs. It changes nothing in them.
 */
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../apps/local/src/embedded-postgres.js';
import { readStack, services, type Stack } from '../../apps/local/src/stack-file.js';
import { AuditedDatabase } from './database.js';

export type ServiceName = (typeof services)[number];

/** Where the audit reads: one database for each service, and what the outside world says of itself. */
export interface AuditedStack {
  readonly databases: Readonly<Record<ServiceName, AuditedDatabase>>;
  /** Whether the ledgers of the card network and the carrier were read. */
  readonly hasProviders: boolean;
  /** Whether a client's log was read. */
  readonly hasClientLog: boolean;
}

/** Where everything is, before anything is opened. */
export interface Place {
  readonly databaseUrls: Readonly<Record<ServiceName, string>>;
  readonly simulatorsDirectory?: string;
  readonly simulatorsUrl?: string;
  /** Nothing runs on these databases: nothing will move, however long one waits. */
  readonly atRest: boolean;
  /** Ends what was started to reach them. */
  stop(): Promise<void>;
}

/** The audit cannot be run; the message says what to do. */
export class CannotRun extends Error {}

export interface PlaceOptions {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether what has ended may be started again to be read. */
  readonly mayStart: boolean;
  readonly say: (text: string) => void;
}

/** Throws `CannotRun` when there is nothing to audit. The caller stops what it gets. */
export async function findPlace({ directory, environment, mayStart, say }: PlaceOptions): Promise<Place> {
  const given = fromEnvironment(environment);
  if (given !== undefined) return given;
  const stack = readStack(directory);
  if (stack === undefined) {
    throw new CannotRun(
      `no stack was ever started in ${directory}: run npm start first, name its directory with --directory, or name its databases by DATABASE_URL_<SERVICE>`,
    );
  }
  const outside = {
    ...(stack.simulatorsDirectory !== undefined && { simulatorsDirectory: stack.simulatorsDirectory }),
    ...(stack.simulatorsUrl !== undefined && { simulatorsUrl: stack.simulatorsUrl }),
  };
  if (await answers(stack.databaseUrls['order'] ?? '')) {
    say(`the databases of the ${stack.profile} stack in ${directory} answer`);
    const stop = () => Promise.resolve();
    return { databaseUrls: everyService(stack.databaseUrls), ...outside, atRest: false, stop };
  }
  if (!mayStart) throw new CannotRun(`the databases of the stack in ${directory} do not answer`);
  return { ...(await startAgain(stack, directory, say)), ...outside };
}

async function startAgain(
  { postgresDirectory }: Stack,
  directory: string,
  say: (text: string) => void,
): Promise<Pick<Place, 'databaseUrls' | 'atRest' | 'stop'>> {
  if (postgresDirectory === undefined) {
    throw new CannotRun(
      `the databases of the last stack in ${directory} do not answer and are not ours to start: start them and run the audit again`,
    );
  }
  say('the last stack has ended; starting its Postgres again');
  const postgres = await startEmbeddedPostgres({ directory: postgresDirectory, log: say }).catch(
    (error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      throw new CannotRun(`the Postgres of ${join(directory, 'postgres')} cannot be started: ${why}`);
    },
  );
  const urls: Record<string, string> = {};
  for (const service of services) urls[service] = await postgres.createDatabase(service);
  return { databaseUrls: everyService(urls), atRest: true, stop: () => postgres.stop() };
}

/** All five or none: a mix of two stacks would accuse both. */
function fromEnvironment(environment: PlaceOptions['environment']): Place | undefined {
  const nameOf = (service: string): string => `DATABASE_URL_${service.toUpperCase()}`;
  const missing = services.filter((service) => !environment[nameOf(service)]);
  if (missing.length === services.length) return undefined;
  if (missing.length > 0) {
    throw new CannotRun(
      `some databases are named by the environment, others are not: set ${missing.map(nameOf).join(', ')} too`,
    );
  }
  const urls = Object.fromEntries(services.map((service) => [service, environment[nameOf(service)] ?? '']));
  const directory = environment['SIMULATORS_DIRECTORY'];
  const url = environment['SIMULATORS_URL'];
  return {
    databaseUrls: everyService(urls),
    ...(directory && { simulatorsDirectory: directory }),
    ...(url && { simulatorsUrl: url }),
    atRest: false,
    stop: () => Promise.resolve(),
  };
}

function everyService(urls: Readonly<Record<string, string>>): Place['databaseUrls'] {
  const urlOf = (service: ServiceName): string => {
    const url = urls[service];
    if (url === undefined) throw new CannotRun(`no database is named for ${service}`);
    return url;
  };
  return {
    order: urlOf('order'),
    inventory: urlOf('inventory'),
    payment: urlOf('payment'),
    shipping: urlOf('shipping'),
    orchestrator: urlOf('orchestrator'),
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    const database = await AuditedDatabase.open(url);
    await database.close();
    return true;
  } catch {
    return false;
  }
}

/** Opens a connection to every database. Throws `CannotRun` when one does not answer, and leaves none open then. */
export async function openDatabases(urls: Place['databaseUrls']): Promise<AuditedStack['databases']> {
  const opened: AuditedDatabase[] = [];
  const open = async (service: ServiceName): Promise<AuditedDatabase> => {
    const database = await openDatabase(service, urls[service]);
    opened.push(database);
    return database;
  };
  try {
    return {
      order: await open('order'),
      inventory: await open('inventory'),
      payment: await open('payment'),
      shipping: await open('shipping'),
      orchestrator: await open('orchestrator'),
    };
  } catch (error) {
    for (const database of opened) await database.close();
    throw error;
  }
}

async function openDatabase(service: ServiceName, url: string): Promise<AuditedDatabase> {
  try {
    return await AuditedDatabase.open(url);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CannotRun(`the database of ${service} does not answer: ${why}`);
  }
}
