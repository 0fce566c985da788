/**
 * How an audit is told: a line for each check, below it the rows that break it, and one line at the end that any tool can
 * read. As JSON it is one object a line. Nothing is judged here.
 */
import colours from 'picocolors';
import type { Violation } from './check.js';
import type { Finding, Listener } from './audit.js';

/** Rows shown of one check; the rest is counted. */
const shownMax = 10;

export interface Report extends Listener {
  /** The last line. */
  end(findings: readonly Finding[]): void;
}

export interface Output {
  write(text: string): unknown;
  /** A terminal's line may be written over. */
  readonly isTTY?: boolean;
}

/** For people. */
export function tableReport(output: Output): Report {
  const wipe = output.isTTY === true ? '\r\x1b[2K' : '';
  return {
    progress(text) {
      if (wipe !== '') output.write(`${wipe}${colours.cyan('…')} ${colours.dim(text)}`);
      else if (!/^[A-Z]\d\d /.test(text)) output.write(`  ${text}\n`);
    },
    finding: (finding) => output.write(`${wipe}${linesOf(finding).join('\n')}\n`),
    end: (findings) => output.write(`${wipe}\n${summaryOf(findings)}\n`),
  };
}

/** For programs: a line for each check, then one with the sums. */
export function jsonReport(output: Output): Report {
  const tell = (value: object): void => void output.write(`${JSON.stringify(value)}\n`);
  return {
    progress: () => undefined,
    finding: ({ check: { id, title }, violations, ms, skipped }) =>
      tell({
        type: 'check',
        id,
        title,
        ms: Math.round(ms),
        violations,
        ...(skipped !== undefined && { skipped }),
      }),
    end: (findings) => tell({ type: 'end', ...sumsOf(findings) }),
  };
}

/** Checks that were asked, and rows that break them. */
export function sumsOf(findings: readonly Finding[]): {
  readonly checks: number;
  readonly violations: number;
} {
  const asked = findings.filter(({ skipped }) => skipped === undefined);
  return {
    checks: asked.length,
    violations: asked.reduce((sum, { violations }) => sum + violations.length, 0),
  };
}

function summaryOf(findings: readonly Finding[]): string {
  const { checks, violations } = sumsOf(findings);
  const text = `${checks} checks, ${violations} violations`;
  return violations === 0 ? colours.green(text) : colours.red(text);
}

function linesOf({ check: { id, title }, violations, ms, skipped }: Finding): readonly string[] {
  if (skipped !== undefined) return [colours.dim(`- ${id.padEnd(4)} ${title} — skipped: ${skipped}`)];
  const took = colours.dim(`${(ms / 1_000).toFixed(1)} s`);
  if (violations.length === 0) return [`${colours.green('✔')} ${id.padEnd(4)} ${title} ${took}`];
  const head = `${colours.red('✘')} ${id.padEnd(4)} ${colours.bold(title)} ${took}`;
  const rows = violations.slice(0, shownMax).map((row) => `       ${rowOf(row)}`);
  const more = violations.length - rows.length;
  return [head, ...rows, ...(more > 0 ? [colours.dim(`       and ${more} more`)] : [])];
}

/** A row's fields by name, on one line. */
export function rowOf(row: Violation): string {
  return Object.entries(row)
    .map(([name, value]) => `${colours.dim(`${name}=`)}${value}`)
    .join(' ');
}
