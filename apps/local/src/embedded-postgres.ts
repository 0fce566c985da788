/**
 * A real Postgres of our own for `npm start` and for tests: initialised, started and stopped by this process, its
 * data kept between runs. It stands under the order's whole road. It must never listen beyond the loopback
 * interface, never lose data that it promised to keep, and never touch another server.
 */
import { randomBytes, createHash, createHmac } from 'node:crypto';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chownSync, closeSync, existsSync, lstatSync, mkdirSync, openSync } from 'node:fs';
import { readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import {
  canEnter,
  findBinaries,
  serverUser,
  type PostgresBinaries,
  type ServerUser,
} from './postgres-binaries.js';
import { ended, noteStarter, readPidFile, stopOrphan } from './postgres-orphan.js';

export interface EmbeddedPostgresOptions {
  /** Where data, password and log are kept; made when missing. */
  readonly directory: string;
  /** Default: a free one, chosen by the operating system at each start. */
  readonly port?: number;
  /** For tests: nothing is flushed to disk, so a crash of the machine loses everything. Default false. */
  readonly throwaway?: boolean;
  readonly log?: (line: string) => void;
}

/** A running server. */
export interface EmbeddedPostgres {
  /** The server's process. */
  readonly pid: number;
  readonly port: number;
  /** Where `database` is reached as the administrator. Holds the password: never log it. */
  url(database: string): string;
  /** Creates a database and a role of the same name that owns it and can reach no other (idempotent).
   *  Answers the URL for that role. `name`: lower-case letters, digits and underscores. */
  createDatabase(name: string): Promise<string>;
  /** Ends every session, flushes and stops; resolves AFTER the process has ended. Idempotent. */
  stop(): Promise<void>;
}

/** After a kill -9 the server's children hold its shared memory for about two seconds; more is a real failure. */
const startPatienceMs = 10_000;
const administrator = 'postgres';
const durable = ['max_prepared_transactions=512', 'wal_level=replica', 'max_connections=200'];
const careless = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];

/** Starts the server of `directory`, initialising it the first time and stopping an orphan of an earlier run first.
 *  Resolves when it accepts connections; rejects with the end of the server's log when it does not within 10 s. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined);
  const user = serverUser();
  const binaries = findBinaries(user, log);
  const home = homeFor(resolve(options.directory), user, log);
  const place = { user, binaries, home, data: join(home, 'data'), logFile: join(home, 'server.log') };
  const password = passwordOf(home);
  initialise(place, password);
  await stopOrphan(place.data, log);
  noteStarter(place.data);
  const server = await startPatiently(place, options);
  return new RunningPostgres(server.child, server.port, { password, sockets: socketDirectory(place) });
}

interface Place {
  readonly user: ServerUser;
  readonly binaries: PostgresBinaries;
  readonly home: string;
  readonly data: string;
  readonly logFile: string;
}

class RunningPostgres implements EmbeddedPostgres {
  readonly pid: number;
  readonly #onExit = () => void this.#child.kill('SIGINT');

  readonly #child: ChildProcess;
  readonly #password: string;
  readonly #sockets: string | undefined;

  constructor(
    child: ChildProcess,
    readonly port: number,
    secrets: { readonly password: string; readonly sockets: string | undefined },
  ) {
    this.#child = child;
    this.#password = secrets.password;
    this.#sockets = secrets.sockets;
    this.pid = child.pid ?? 0;
    process.once('exit', this.#onExit);
  }

  url(database: string): string {
    return this.#urlFor(administrator, this.#password, database);
  }

  async createDatabase(name: string): Promise<string> {
    if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) throw new Error(`a database cannot be named ${name}`);
    // Derived, so that it needs no file of its own and a second call answers the same URL.
    const password = createHmac('sha256', this.#password).update(name).digest('hex');
    const client = new pg.Client({ connectionString: this.url(administrator) });
    await client.connect();
    try {
      await createRoleAndDatabase(client, name, password);
    } finally {
      await client.end();
    }
    return this.#urlFor(name, password, name);
  }

  async stop(): Promise<void> {
    process.removeListener('exit', this.#onExit);
    if (hasEnded(this.#child)) return;
    const gone = new Promise<void>((done) => this.#child.once('exit', () => done()));
    this.#child.kill('SIGINT');
    const patience = new AbortController();
    const late = pause(10_000, 'late', { signal: patience.signal, ref: false }).catch(() => 'called off');
    if ((await Promise.race([gone, late])) === 'late') this.#child.kill('SIGQUIT');
    patience.abort();
    await gone;
  }

  #urlFor(role: string, password: string, database: string): string {
    const url = `postgres://${role}:${password}@127.0.0.1:${this.port}/${database}`;
    // pg takes the host of the query before the host of the URL; tools that know no sockets use the latter.
    return this.#sockets === undefined ? url : `${url}?host=${encodeURIComponent(this.#sockets)}`;
  }
}

/** The name was checked against a pattern without quotes, so it can stand in the statements, which take no values. */
async function createRoleAndDatabase(client: pg.Client, name: string, password: string): Promise<void> {
  const role = await client.query('select 1 from pg_roles where rolname = $1', [name]);
  const verb = role.rowCount === 0 ? 'create' : 'alter';
  await client.query(`${verb} role "${name}" login password '${password}'`);
  const database = await client.query('select 1 from pg_database where datname = $1', [name]);
  if (database.rowCount !== 0) return;
  await client.query(`create database "${name}" owner "${name}"`);
  await client.query(`revoke all on database "${name}" from public`);
}

/** Data must lie where the server's user can enter: a checkout under root's own home does not. */
function homeFor(directory: string, user: ServerUser, log: (line: string) => void): string {
  mkdirSync(directory, { recursive: true });
  const home = realpathSync(directory);
  if (user.uid === undefined || canEnter(home, user)) return home;
  const name = createHash('sha256').update(home).digest('hex').slice(0, 12);
  const elsewhere = join(realpathSync(tmpdir()), `sagamore-postgres-data-${name}`);
  mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
  const found = lstatSync(elsewhere);
  if (!found.isDirectory() || found.uid !== process.getuid?.())
    throw new Error(`${elsewhere} was not made by this user`);
  log(`${home} lies out of reach of the user that runs Postgres; its data is kept in ${elsewhere}`);
  return elsewhere;
}

/** Written BEFORE the data directory is initialised with it: a crash in between leaves a password without data. */
function passwordOf(home: string): string {
  const file = join(home, 'password');
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('hex'), { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

/** Initialises beside the final place and renames: `data` exists only when it is whole. */
function initialise(place: Place, password: string): void {
  if (existsSync(place.data)) return;
  const partial = join(place.home, 'data.partial');
  const passwordFile = join(place.home, 'password.once');
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  try {
    give(place.user, partial, passwordFile);
    runInitdb(place, partial, passwordFile);
    renameSync(partial, place.data);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

function runInitdb(place: Place, directory: string, passwordFile: string): void {
  const options = ['-D', directory, '-U', administrator, '-E', 'UTF8', '--locale=C', '--no-instructions'];
  const authentication = ['--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  const made = spawnSync(place.binaries.initdb, [...options, ...authentication], {
    ...place.user,
    cwd: '/',
    encoding: 'utf8',
  });
  if (made.status !== 0)
    throw new Error(`initdb failed in ${directory}: ${made.stderr || made.error?.message}`);
}

function give({ uid, gid }: ServerUser, ...paths: string[]): void {
  if (uid === undefined || gid === undefined) return;
  for (const path of paths) chownSync(path, uid, gid);
}

async function startPatiently(place: Place, options: EmbeddedPostgresOptions) {
  const deadline = performance.now() + startPatienceMs;
  for (;;) {
    const port = options.port ?? (await freePort());
    const child = launch(place, port, options.throwaway ?? false);
    if (await isReady(child, place.data, deadline)) return { child, port };
    if (!hasEnded(child)) await endByForce(child);
    if (performance.now() >= deadline) throw new Error(`Postgres did not start: ${tailOf(place.logFile)}`);
    await pause(200);
  }
}

/** In a process group of its own: Ctrl-C in a terminal reaches the application alone, which drains first. */
function launch(place: Place, port: number, throwaway: boolean): ChildProcess {
  const sockets = socketDirectory(place) ?? '';
  const local = ['listen_addresses=127.0.0.1', `unix_socket_directories=${sockets}`, `port=${port}`];
  const settings = [...local, ...durable, ...(throwaway ? careless : [])].flatMap((setting) => [
    '-c',
    setting,
  ]);
  const output = openSync(place.logFile, 'w', 0o600);
  try {
    return spawn(place.binaries.postgres, ['-D', place.data, ...settings], {
      ...place.user,
      cwd: '/',
      detached: true,
      stdio: ['ignore', output, output],
    });
  } finally {
    closeSync(output);
  }
}

/** A socket beside the data costs a message a third less than the loopback interface. Its path has a length that the
 *  system bounds (108 bytes, the name included); beyond it there is none. */
function socketDirectory({ data }: Place): string | undefined {
  return Buffer.byteLength(data) <= 80 ? data : undefined;
}

async function isReady(child: ChildProcess, data: string, deadline: number): Promise<boolean> {
  child.once('error', () => undefined);
  while (!hasEnded(child) && child.pid !== undefined && performance.now() < deadline) {
    const found = readPidFile(data);
    if (found?.pid === child.pid && found.ready) return true;
    await pause(15);
  }
  return false;
}

async function endByForce(child: ChildProcess): Promise<void> {
  child.kill('SIGQUIT');
  if (child.pid !== undefined) await ended(child.pid, 5_000);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('the operating system gave no port');
  return address.port;
}

function tailOf(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').slice(-8).join('\n');
}
