/** How the continuous auditor is told: a line a round, above it what changed. As JSON it is one object a line. */
import colours from 'picocolors';
import type { RoundListener, Standing } from './auditor.js';
import { rowOf, type Output } from './report.js';
import type { Broken } from './standing.js';

/** For people. */
export function watchTable(output: Output): RoundListener {
  let away: string | undefined;
  return (standing, { found, gone }) => {
    for (const row of found) tell(output, colours.red('✘'), row);
    for (const row of gone) tell(output, `${colours.green('✔')} gone:`, row);
    // What does not answer is said once, and not in every round in which nobody answers.
    if (standing.away === undefined || standing.away !== away) output.write(`${roundLine(standing)}\n`);
    away = standing.away;
  };
}

/** For programs. */
export function watchJson(output: Output): RoundListener {
  const write = (value: object): void => void output.write(`${JSON.stringify(value)}\n`);
  return (standing, { found, gone }) => {
    for (const row of found) write({ type: 'found', ...plain(row) });
    for (const row of gone) write({ type: 'gone', ...plain(row) });
    const { at, rounds, checks, findings, suspected, away, ms } = standing;
    write({
      type: 'round',
      at: new Date(at).toISOString(),
      rounds,
      checks,
      findings: findings.length,
      suspected,
      ms: Math.round(ms),
      ...(away !== undefined && { away }),
    });
  };
}

function tell(output: Output, mark: string, { check: { id, title }, violation }: Broken): void {
  output.write(`${mark} ${id.padEnd(4)} ${colours.bold(title)}\n       ${rowOf(violation)}\n`);
}

function plain({ check: { id, title }, violation }: Broken): object {
  return { id, title, violation };
}

function roundLine({ at, checks, findings, suspected, away, ms }: Standing): string {
  const time = colours.dim(new Date(at).toISOString().slice(11, 19));
  if (away !== undefined) return `${time}  ${colours.yellow(`cannot be read: ${away}; trying on`)}`;
  const count = `${checks} checks, ${findings.length} findings`;
  const told = findings.length === 0 ? colours.green(count) : colours.red(count);
  return `${time}  ${told}${colours.dim(`, ${suspected} suspected  ${(ms / 1_000).toFixed(1)} s`)}`;
}
