/**
 * The definitions of an orchestrator, checked BEFORE it joins anything: with one error among the findings it does not start,
 * and is told all of them at once (S22). Pure but for telling the warnings.
 */
import { findingsIn, type Finding, type Known, type Protocol } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import { Definitions } from '@sagamore/runtime';

/** Answers the definitions, and tells what is merely unwise. Throws one `CONFIGURATION_INVALID` that lists every error. */
export function checkedDefinitions(
  protocols: readonly Protocol[],
  known: Pick<Known, 'handled'>,
  onWarning: (finding: Finding) => void,
): Definitions {
  const findings = findingsIn(protocols, known);
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) {
    const message = `the definitions cannot be run: ${errors.map(inWords).join('; ')}`;
    throw new Fault('CONFIGURATION_INVALID', message, { retryable: false });
  }
  for (const finding of findings) onWarning(finding);
  return new Definitions(protocols);
}

function inWords({ code, saga, step, message }: Finding): string {
  return `${saga}/${step}: ${message} (${code})`;
}
