/**
 * A real Jaeger for this machine alone, without Docker: built once from its published Go module, then cached. It takes
 * spans over OTLP and answers queries over HTTP, on ports the system gives, and keeps its traces in memory.
 * Its web page is not part of the module: `docker compose up` has one.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { goTool, missingForTool } from '../go-tool.js';
import { freePorts } from '../kafka/probe.js';

const tool = {
  name: 'jaeger',
  file: fileURLToPath(new URL('./go.mod.txt', import.meta.url)),
  command: 'github.com/jaegertracing/jaeger/cmd/all-in-one',
};
/** It is there within a second; a busy machine takes longer. */
const readyWaitMs = 60_000;
const stopWaitMs = 10_000;

export interface LocalJaeger {
  /** Where it takes spans: what `OTEL_EXPORTER_OTLP_ENDPOINT` wants. */
  readonly otlpUrl: string;
  /** Where it answers `/api/traces`. */
  readonly queryUrl: string;
  readonly pid: number;
  /** Idempotent. Its traces are gone with it. */
  stop(): Promise<void>;
}

/** What this machine lacks to run one, as a sentence; undefined when it lacks nothing. */
export function missingForJaeger(): string | undefined {
  return missingForTool(tool);
}

/** The path of its binary, built first if need be (some minutes, once). Throws when Go is missing or fails. */
export async function jaegerBinary(log: (line: string) => void): Promise<string> {
  return goTool(tool, log);
}

/** Builds it if need be (some minutes, once), starts it and resolves when it answers. Its log goes into `directory`. */
export async function startJaeger({
  directory: given,
  log = () => {},
}: {
  readonly directory: string;
  readonly log?: (line: string) => void;
}): Promise<LocalJaeger> {
  const directory = resolve(given);
  mkdirSync(directory, { recursive: true });
  const binary = await jaegerBinary(log);
  const [otlp, otlpGrpc, query, queryGrpc, admin, grpc, http] = await freePorts(7);
  const child = launch(binary, directory, {
    'collector.otlp.http.host-port': otlp!,
    'collector.otlp.grpc.host-port': otlpGrpc!,
    'query.http-server.host-port': query!,
    'query.grpc-server.host-port': queryGrpc!,
    'admin.http.host-port': admin!,
    'collector.grpc-server.host-port': grpc!,
    'collector.http-server.host-port': http!,
  });
  const queryUrl = `http://127.0.0.1:${query}`;
  try {
    await untilReady(child, `${queryUrl}/api/services`, directory);
  } catch (error) {
    await end(child);
    throw error;
  }
  return { otlpUrl: `http://127.0.0.1:${otlp}`, queryUrl, pid: child.pid!, stop: () => end(child) };
}

function launch(binary: string, directory: string, ports: Readonly<Record<string, number>>): ChildProcess {
  const output = openSync(join(directory, 'jaeger.log'), 'w');
  const flags = Object.entries(ports).map(([flag, port]) => `--${flag}=127.0.0.1:${port}`);
  const child = spawn(binary, [...flags, '--memory.max-traces=50000'], {
    detached: true,
    env: { ...process.env, SPAN_STORAGE_TYPE: 'memory', COLLECTOR_ZIPKIN_HOST_PORT: '' },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  child.unref();
  writeFileSync(join(directory, 'jaeger.pid'), String(child.pid));
  const endWithParent = () => child.kill('SIGTERM');
  process.once('exit', endWithParent);
  child.once('exit', () => process.off('exit', endWithParent));
  return child;
}

async function untilReady(child: ChildProcess, url: string, directory: string): Promise<void> {
  const deadline = performance.now() + readyWaitMs;
  while (performance.now() < deadline && child.exitCode === null) {
    try {
      if ((await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok) return;
    } catch {
      // Not yet.
    }
    await pause(100);
  }
  throw new Error(`Jaeger did not answer; see ${join(directory, 'jaeger.log')}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill('SIGTERM');
  const giveUp = setTimeout(() => child.kill('SIGKILL'), stopWaitMs);
  await gone;
  clearTimeout(giveUp);
}
