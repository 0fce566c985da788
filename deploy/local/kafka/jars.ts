/**
 * Brings the jars of a real Kafka broker to this machine, once: Maven resolves the pom.xml beside this file into a cache.
 * Later starts touch neither Maven nor the network. Must never name a registry: where jars come from is Maven's own setting.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const pom = fileURLToPath(new URL('./pom.xml', import.meta.url));
const repository = fileURLToPath(new URL('../../..', import.meta.url));
const copyDependencies = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy-dependencies';
/** A cold Maven cache on a slow line takes minutes; ten mean that nothing moves any more. */
const lockWaitMs = 600_000;

/** The Java to run: that of `JAVA_HOME` where it is set. */
export function javaCommand(): string {
  const home = process.env['JAVA_HOME'];
  return home ? join(home, 'bin', 'java') : 'java';
}

/** What this machine lacks to run a broker, as a sentence; undefined when it lacks nothing. */
export function missingForBroker(): string | undefined {
  if (!answers(javaCommand(), '-version'))
    return 'a local Kafka needs Java 17 or newer, and no java was found';
  if (existsSync(jarDirectory()) || answers('mvn', '-version')) return undefined;
  return 'a local Kafka needs Maven (mvn) to fetch its jars once, and no mvn was found';
}

/** The directory that holds the jars, fetching them first if need be. Safe to call from several processes at once.
 *  Throws when Java or Maven is missing or Maven fails, with its last lines. */
export async function brokerJars(log: (line: string) => void): Promise<string> {
  const missing = missingForBroker();
  if (missing !== undefined) throw new Error(missing);
  const jars = jarDirectory();
  if (existsSync(jars)) return jars;
  const release = await lock(`${jars}.lock`, log);
  try {
    if (!existsSync(jars)) await fetchInto(jars, log);
    return jars;
  } finally {
    release();
  }
}

/** Named by the pom's content, so that another Kafka version gets a directory of its own. */
function jarDirectory(): string {
  const cache = process.env['SAGAMORE_CACHE'] ?? join(repository, '.sagamore');
  const version = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12);
  return join(cache, 'kafka', `jars-${version}`);
}

async function fetchInto(jars: string, log: (line: string) => void): Promise<void> {
  log('fetching the jars of the Kafka broker with Maven (about 45 MB, once)');
  const partial = `${jars}.partial`;
  rmSync(partial, { recursive: true, force: true });
  await run('mvn', [
    '-q',
    '-B',
    '-f',
    pom,
    copyDependencies,
    '-DincludeScope=runtime',
    `-DoutputDirectory=${partial}`,
  ]);
  // The rename is the marker of completeness: a fetch that was killed leaves only a `.partial` directory behind.
  renameSync(partial, jars);
  log('the jars are here');
}

/** Runs a command to its end; throws with its last lines when it fails. */
export async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  );
  if (code !== 0) throw new Error(`${command} ended with code ${code}: ${output.trim()}`);
}

async function lock(path: string, log: (line: string) => void): Promise<() => void> {
  mkdirSync(join(path, '..'), { recursive: true });
  const deadline = performance.now() + lockWaitMs;
  while (!tryLock(path)) {
    if (performance.now() > deadline)
      throw new Error(`waited ${lockWaitMs} ms for ${path}, held by another process`);
    log('another process is fetching the jars; waiting for it');
    await pause(1_000);
  }
  return () => rmSync(path, { force: true });
}

function tryLock(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    // A holder that died leaves its file behind; an empty one is being written at this moment.
    const holder = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (holder !== '' && !isAlive(Number(holder))) rmSync(path, { force: true });
    return false;
  }
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function answers(command: string, argument: string): boolean {
  return spawnSync(command, [argument], { stdio: 'ignore' }).status === 0;
}
