/**
 * One audit from beginning to end: find the stack, wait until it is quiet, freeze every database, run every check.
 * What it finds it tells as it goes; what it opened it closes.
 */
import type { Check, Need, Violation } from './check.js';
import { checks } from './checks/all.js';
import { loadOutside } from './outside.js';
import { untilQuiet } from './quiet.js';
import { findPlace, openDatabases, type AuditedStack, type Place } from './stack.js';

export interface AuditOptions {
  /** Of a stack, e.g. `.sagamore`. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clientLog?: string;
  /** Whether a Postgres of the directory that has ended may be started again for the audit. */
  readonly mayStart: boolean;
  /** How long to wait until it is quiet, seconds. */
  readonly waitSeconds: number;
  /** False leaves the providers' ledgers out, for a stack whose providers kept none. */
  readonly providers: boolean;
}

/** What came of one check. `violations` holds at most a hundred. */
export interface Finding {
  readonly check: Check;
  readonly violations: readonly Violation[];
  readonly ms: number;
  /** Why it could not be asked. */
  readonly skipped?: string;
}

/** Who listens to an audit. */
export interface Listener {
  /** What the audit does or waits for now. */
  progress(text: string): void;
  finding(finding: Finding): void;
}

/** Runs every check and answers all findings, in the order told. Throws `CannotRun` with what to do. */
export async function audit(options: AuditOptions, listener: Listener): Promise<readonly Finding[]> {
  const { directory, environment, mayStart } = options;
  const place = await findPlace({ directory, environment, mayStart, say: (text) => listener.progress(text) });
  try {
    return await auditPlace(place, options, listener);
  } finally {
    await place.stop();
  }
}

async function auditPlace(
  place: Place,
  { clientLog, providers, waitSeconds }: AuditOptions,
  listener: Listener,
): Promise<readonly Finding[]> {
  const databases = await openDatabases(place.databaseUrls);
  try {
    const seconds = place.atRest ? 0 : waitSeconds;
    const moving = await untilQuiet(databases, { seconds, say: (text) => listener.progress(text) });
    if (moving !== undefined)
      listener.progress(`not quiet after ${seconds} s: ${moving}; auditing all the same`);
    listener.progress('reading what the outside world says');
    const outside = providers ? place : {};
    const stack = await loadOutside(databases, {
      place: outside,
      ...(clientLog !== undefined && { clientLog }),
    });
    // All at one moment, as nearly as it can be: what lies between them looks broken and is not.
    await Promise.all(Object.values(databases).map((database) => database.freeze()));
    return await runChecks(stack, listener);
  } finally {
    for (const database of Object.values(databases)) await database.close();
  }
}

const reasons: Readonly<Record<Need, string>> = {
  providers: 'no ledgers of the providers',
  'client-log': 'no --client-log',
};

/** All checks over a stack whose databases are frozen, one after the other. */
export async function runChecks(
  stack: AuditedStack,
  listener: Listener,
  wanted: readonly Check[] = checks,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const check of wanted) {
    const finding = await runCheck(check, stack, listener);
    findings.push(finding);
    listener.finding(finding);
  }
  return findings;
}

async function runCheck(check: Check, stack: AuditedStack, listener: Listener): Promise<Finding> {
  const { needs } = check;
  const has = { providers: stack.hasProviders, 'client-log': stack.hasClientLog };
  if (needs !== undefined && !has[needs]) return { check, violations: [], ms: 0, skipped: reasons[needs] };
  listener.progress(`${check.id} ${check.title}`);
  const startedAt = performance.now();
  const violations = await check.run(stack);
  return { check, violations, ms: performance.now() - startedAt };
}
