/**
 * A real Kafka broker (KRaft, one node) for this machine alone, without Docker: for `npm run start:kafka` and the
 * integration tests. It listens on loopback, on ports the system gives, and keeps everything under one directory.
 * Must never serve production: one node, no replicas, no authentication.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { answersApiVersions, freePorts } from './probe.js';
import { isAlive, run } from '../made-once.js';
import { brokerJars, javaCommand } from './jars.js';
import { clusterId, loggingProperties, serverProperties, type BrokerPorts } from './properties.js';

/** A cold JVM on a busy machine takes up to twenty seconds; two minutes mean that it will not come. */
const readyWaitMs = 120_000;
/** Long enough for a clean shutdown, which spares the next start a log recovery. */
const stopWaitMs = 15_000;
const startAttempts = 3;

export interface LocalBroker {
  /** `127.0.0.1:<port>`, as clients want it. */
  readonly brokers: string;
  readonly pid: number;
  /** Where the broker itself listens for each door that was asked for. */
  readonly doors: Readonly<Record<string, number>>;
  /** Shuts down cleanly; SIGKILL after 15 s. Idempotent. The data stays: a later start on the directory goes on,
   *  on the same ports where they are still free. */
  stop(): Promise<void>;
  /** SIGKILL, as a power cut would. */
  kill(): Promise<void>;
}

export interface BrokerOptions {
  /** Data, settings, log and process id live here; created when missing. One broker a directory. */
  readonly directory: string;
  /** More ways in, by name: the port of the proxy that stands before each, which clients are told to come to. */
  readonly doors?: Readonly<Record<string, number>>;
  /** Broker settings beside ours, e.g. `authorizer.class.name`. Default none. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Told of slow steps (fetching jars, formatting, waiting). Default: silent. */
  readonly log?: (line: string) => void;
}

/** Starts a broker and resolves when it answers. A broker that an earlier, killed run left on the directory is stopped
 *  first. Throws when Java or Maven is missing, or with the broker's last lines when it does not come up. */
export async function startBroker(options: BrokerOptions): Promise<LocalBroker> {
  const { doors = {}, settings = {}, log = () => {} } = options;
  const directory = resolve(options.directory);
  mkdirSync(directory, { recursive: true });
  const jars = await brokerJars(log);
  await stopOrphan(directory, log);
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce({ directory, jars, doors, settings, log });
    } catch (error) {
      // Between our look and the broker's bind somebody else may take the port; another failure repeats identically.
      if (attempt === startAttempts || !lastLines(directory).includes('Address already in use')) throw error;
      rmSync(join(directory, 'ports.json'), { force: true });
    }
  }
}

interface Start extends Required<BrokerOptions> {
  readonly jars: string;
}

async function startOnce({ directory, jars, doors, settings, log }: Start): Promise<LocalBroker> {
  const ports = await choosePorts(directory, doors);
  writeFileSync(settingsFile(directory), serverProperties(directory, ports, settings));
  writeFileSync(join(directory, 'log4j2.properties'), loggingProperties);
  await format(directory, jars, log);
  log('starting the Kafka broker');
  const child = launch(directory, jars);
  try {
    await untilReady(child, directory, ports.client);
  } catch (error) {
    await end(child, 'SIGKILL');
    throw error;
  }
  log(`the Kafka broker answers on 127.0.0.1:${ports.client}`);
  return handle(child, directory, ports);
}

function handle(child: ChildProcess, directory: string, ports: BrokerPorts): LocalBroker {
  const brokers = `127.0.0.1:${ports.client}`;
  const doors = Object.fromEntries((ports.doors ?? []).map(({ name, port }) => [name, port]));
  const finish = async (signal: NodeJS.Signals) => {
    await end(child, signal);
    rmSync(pidFile(directory), { force: true });
  };
  return { brokers, doors, pid: child.pid!, stop: () => finish('SIGTERM'), kill: () => finish('SIGKILL') };
}

/** The ports of the last run where they are free, so that clients find a restarted broker where it was. */
async function choosePorts(directory: string, doors: Readonly<Record<string, number>>): Promise<BrokerPorts> {
  const file = join(directory, 'ports.json');
  const last: unknown = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  const wanted = Array.isArray(last) ? last.filter((port) => typeof port === 'number') : [];
  const found = await freePorts(2 + Object.keys(doors).length, wanted);
  writeFileSync(file, JSON.stringify(found));
  const [client, controller, ...others] = found;
  const named = Object.entries(doors).map(([name, advertised], index) => ({
    name,
    advertised,
    port: others[index]!,
  }));
  return { client: client!, controller: controller!, doors: named };
}

async function format(directory: string, jars: string, log: (line: string) => void): Promise<void> {
  if (existsSync(join(directory, 'data', 'meta.properties'))) return;
  log('formatting the storage of the Kafka broker');
  const arguments_ = ['format', '-t', clusterId(), '-c', settingsFile(directory)];
  await run(javaCommand(), [...jvmFlags(directory, jars), 'kafka.tools.StorageTool', ...arguments_]);
}

function launch(directory: string, jars: string): ChildProcess {
  const output = openSync(logFile(directory), 'w');
  // A process group of its own: a Ctrl-C in the terminal must not take the broker from services that are draining.
  const child = spawn(javaCommand(), [...jvmFlags(directory, jars), 'kafka.Kafka', settingsFile(directory)], {
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  child.unref();
  // A parent that ends without stop() takes the broker along; SIGKILL of the parent leaves an orphan for the next start.
  const endWithParent = () => child.kill('SIGTERM');
  process.once('exit', endWithParent);
  child.once('exit', () => process.off('exit', endWithParent));
  writeFileSync(pidFile(directory), String(child.pid));
  return child;
}

function jvmFlags(directory: string, jars: string): string[] {
  const logging = `-Dlog4j2.configurationFile=${join(directory, 'log4j2.properties')}`;
  return ['-Xmx384m', '-XX:+UseSerialGC', logging, '-cp', join(jars, '*')];
}

async function untilReady(child: ChildProcess, directory: string, port: number): Promise<void> {
  const deadline = performance.now() + readyWaitMs;
  while (!(await answersApiVersions(port))) {
    if (hasEnded(child)) throw new Error(`the Kafka broker ended while starting: ${lastLines(directory)}`);
    if (performance.now() > deadline)
      throw new Error(`the Kafka broker did not answer: ${lastLines(directory)}`);
    await pause(100);
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  child.ref();
  child.kill(signal);
  const limit = setTimeout(() => child.kill('SIGKILL'), stopWaitMs);
  await ended;
  clearTimeout(limit);
}

async function stopOrphan(directory: string, log: (line: string) => void): Promise<void> {
  const file = pidFile(directory);
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.NaN;
  if (pid > 0 && isAlive(pid) && commandLine(pid).includes(settingsFile(directory))) {
    log(`stopping the Kafka broker ${pid} that an earlier run left behind`);
    await endByPid(pid);
  }
  rmSync(file, { force: true });
}

async function endByPid(pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM');
  const deadline = performance.now() + stopWaitMs;
  while (isAlive(pid) && performance.now() < deadline) await pause(100);
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}

/** Process ids are used again, so a stored one proves nothing until the command line agrees. */
function commandLine(pid: number): string {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function lastLines(directory: string): string {
  const file = logFile(directory);
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-3_000).trim() : '';
}

const settingsFile = (directory: string): string => join(directory, 'server.properties');
const pidFile = (directory: string): string => join(directory, 'broker.pid');
const logFile = (directory: string): string => join(directory, 'broker.log');
