/**
 * What one audit after the other says, put together: which rows have broken an invariant for so long that they are a
 * finding, and which are so no more. A row that is broken for a moment belongs to a transaction on its way. Pure.
 */
import type { Finding } from './audit.js';
import { violationsMax, type Check, type Violation } from './check.js';

/** A row that breaks an invariant, and since when it has been seen to. */
export interface Broken {
  readonly check: Check;
  readonly violation: Violation;
  /** ms, of the clock that `observe` is given. */
  readonly since: number;
}

/** What a round has changed. */
export interface Changes {
  /** Findings from now on. */
  readonly found: readonly Broken[];
  /** Were findings, and are broken no more. */
  readonly gone: readonly Broken[];
}

export class StandingFindings {
  private readonly broken = new Map<string, Broken>();
  private readonly told = new Set<string>();

  /** `graceMs`: how long a row must stand before it is a finding, unless its check holds at every moment. */
  constructor(private readonly graceMs: number) {}

  /** Takes what one whole audit found at `now`. */
  observe(findings: readonly Finding[], now: number): Changes {
    const seen = new Map(findings.flatMap((finding) => brokenBy(finding, now)));
    const unsure = new Set(findings.filter(isUnsure).map(({ check }) => check));
    const gone: Broken[] = [];
    for (const [key, before] of this.broken) {
      if (seen.has(key) || unsure.has(before.check)) continue;
      this.broken.delete(key);
      if (this.told.delete(key)) gone.push(before);
    }
    for (const [key, row] of seen) if (!this.broken.has(key)) this.broken.set(key, row);
    return { found: this.ripen(now), gone };
  }

  /** Those that were told and still stand, oldest first. */
  get findings(): readonly Broken[] {
    return [...this.broken].filter(([key]) => this.told.has(key)).map(([, row]) => row);
  }

  /** Rows that are broken, and not for long enough. */
  get suspected(): number {
    return this.broken.size - this.told.size;
  }

  private ripen(now: number): readonly Broken[] {
    const found: Broken[] = [];
    for (const [key, row] of this.broken) {
      const isRipe = row.check.always === true || now - row.since >= this.graceMs;
      if (!isRipe || this.told.has(key)) continue;
      this.told.add(key);
      found.push(row);
    }
    return found;
  }
}

/** The same row of the same check is the same suspicion; another amount is another one. */
function brokenBy({ check, violations }: Finding, now: number): readonly (readonly [string, Broken])[] {
  return violations.map((violation) => [
    `${check.id} ${check.title} ${JSON.stringify(violation)}`,
    { check, violation, since: now },
  ]);
}

/** What was not asked, or had more rows than are shown, says nothing of a row that is absent. */
function isUnsure({ skipped, violations }: Finding): boolean {
  return skipped !== undefined || violations.length >= violationsMax;
}
