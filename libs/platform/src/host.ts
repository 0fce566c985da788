/**
 * What a process gives each service module it holds: settings, bus, clock, log, and the registries of health and consumers.
 * Everything else a service makes for itself, so that several live side by side in one process.
 */
import { randomUUID } from 'node:crypto';
import { SystemClock, type Bus, type Clock } from '@sagamore/runtime';
import { noMetrics, noTracing, type Metrics, type Tracing } from '@sagamore/telemetry';
import type { Config } from './config.js';
import { ConsumerRegistry } from './consumers/consumer.registry.js';
import { HealthChecks } from './health.js';
import { createLog, type Log } from './log.js';

/** One process, as its service modules see it. */
export interface Host {
  readonly config: Config;
  /** Started by the process BEFORE any module is made, and stopped after the last one. */
  readonly bus: Bus;
  readonly clock: Clock;
  /** Unique per process: the owner of its claims. */
  readonly instance: string;
  readonly log: Log;
  readonly health: HealthChecks;
  readonly consumers: ConsumerRegistry;
  readonly tracing: Tracing;
  readonly metrics: Metrics;
  /** What a start that fails must undo, the last first; a module whose making failed is never told to stop. */
  readonly undoStart: AsyncDisposableStack;
}

/** A host from its settings and bus; what is not given is that of a real process. */
export function createHost(parts: Pick<Host, 'config' | 'bus'> & Partial<Host>): Host {
  const { logLevel, logPretty } = parts.config;
  return {
    clock: new SystemClock(),
    instance: randomUUID(),
    log: parts.log ?? createLog({ level: logLevel, pretty: logPretty }),
    health: new HealthChecks(),
    consumers: new ConsumerRegistry(),
    tracing: noTracing,
    metrics: noMetrics,
    undoStart: new AsyncDisposableStack(),
    ...parts,
  };
}

/** The service that a provider belongs to. */
export abstract class Service {
  abstract readonly name: string;
  abstract readonly instance: string;
  abstract readonly log: Log;
  abstract readonly config: Config;
}
