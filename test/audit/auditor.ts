/**
 * The continuous auditor: the same audit again and again beside a running stack, which it follows through restarts. It tells
 * what changed, outlives databases that go away, and, like the audit, changes nothing.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { audit, type AuditOptions, type Finding } from './audit.js';
import { sumsOf } from './report.js';
import { StandingFindings, type Broken, type Changes } from './standing.js';

export interface AuditorOptions extends Omit<AuditOptions, 'waitSeconds' | 'mayStart'> {
  /** Between the end of one round and the begin of the next, ms. */
  readonly everyMs: number;
  /** How long a row may be broken before it is a finding, ms; longer than a transaction takes. */
  readonly graceMs: number;
  /** Default: without end. */
  readonly roundsMax?: number;
}

/** Where things stand after a round. */
export interface Standing {
  /** ms since the epoch. */
  readonly at: number;
  /** Rounds that came to their end. */
  readonly rounds: number;
  /** Checks that the last whole round asked. */
  readonly checks: number;
  readonly findings: readonly Broken[];
  readonly suspected: number;
  /** Why the last round could not be held; then all the rest is as it was before. */
  readonly away: string | undefined;
  /** Of the last round. */
  readonly ms: number;
}

/** Who listens: told once a round. */
export type RoundListener = (standing: Standing, changes: Changes) => void;

const none: Changes = { found: [], gone: [] };

/** Resolves with where things stand once the rounds are over or `stop` is told; a round under way is finished first. */
export async function watch(
  options: AuditorOptions,
  listen: RoundListener,
  stop: AbortSignal,
): Promise<Standing> {
  const { everyMs, graceMs, roundsMax = Infinity } = options;
  const standing = new StandingFindings(graceMs);
  let now: Standing = {
    at: Date.now(),
    rounds: 0,
    checks: 0,
    findings: [],
    suspected: 0,
    away: undefined,
    ms: 0,
  };
  for (let round = 1; ; round++) {
    const startedAt = performance.now();
    const asked = await askAll(options);
    const { away, findings } = asked;
    const changes = findings === undefined ? none : standing.observe(findings, performance.now());
    now = {
      at: Date.now(),
      rounds: now.rounds + (findings === undefined ? 0 : 1),
      checks: findings === undefined ? now.checks : sumsOf(findings).checks,
      findings: standing.findings,
      suspected: standing.suspected,
      away,
      ms: performance.now() - startedAt,
    };
    listen(now, changes);
    if (round >= roundsMax || stop.aborted) return now;
    await pause(everyMs, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) return now;
  }
}

type Asked =
  | { readonly findings: readonly Finding[]; readonly away: undefined }
  | { readonly findings: undefined; readonly away: string };

/** One audit of what runs now. It waits for no rest, and starts no server that has ended: that would be somebody's wish. */
async function askAll(options: AuditorOptions): Promise<Asked> {
  const silent = { progress: () => undefined, finding: () => undefined };
  try {
    const findings = await audit({ ...options, waitSeconds: 0, mayStart: false }, silent);
    return { findings, away: undefined };
  } catch (error) {
    return { findings: undefined, away: error instanceof Error ? error.message : String(error) };
  }
}
