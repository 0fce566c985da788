/**
 * Whether this process can do its work, and what is missing when it cannot.
 * Modules register what they depend on; the health controller asks. One registry a process, whatever services it holds.
 * Answers must never hold host names, URLs or errors of drivers: readiness is public.
 */

export interface HealthCheck {
  /** What is looked at, e.g. `inventory database`. */
  readonly name: string;
  /** True when fine; a text says what is missing; a throw counts as missing. Asked at most once at a time. */
  readonly check: () => boolean | string | Promise<boolean | string>;
}

export interface HealthResult {
  readonly name: string;
  readonly status: 'up' | 'down';
  readonly detail?: string;
}

export interface Readiness {
  readonly status: 'ready' | 'not-ready' | 'stopping';
  readonly checks: readonly HealthResult[];
}

/** How long one check may take before it counts as down. */
const checkMsMax = 2_000;

/** The registry of a process's health checks. */
export class HealthChecks {
  private readonly checks: HealthCheck[] = [];
  private stopping = false;

  /** Adds a check for as long as the process lives. */
  register(name: string, check: HealthCheck['check']): void {
    this.checks.push({ name, check });
  }

  /** From here on the process is not ready: nothing new may be sent to it (I40). */
  stop(): void {
    this.stopping = true;
  }

  /** Asks every check; ready when none is down and the process is not stopping. */
  async readiness(): Promise<Readiness> {
    const checks = await Promise.all(this.checks.map(ask));
    if (this.stopping) return { status: 'stopping', checks };
    return { status: checks.every(({ status }) => status === 'up') ? 'ready' : 'not-ready', checks };
  }
}

async function ask({ name, check }: HealthCheck): Promise<HealthResult> {
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve(`no answer within ${checkMsMax} ms`), checkMsMax);
  try {
    const answer = await Promise.race([check(), late]);
    if (answer === true) return { name, status: 'up' };
    return answer === false ? { name, status: 'down' } : { name, status: 'down', detail: answer };
  } catch {
    // The error may name hosts; readiness is public, so it only says that there was one.
    return { name, status: 'down', detail: 'the check failed' };
  } finally {
    clearTimeout(timer);
  }
}
