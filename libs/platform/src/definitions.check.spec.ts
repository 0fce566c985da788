/**
 * Goal: an orchestrator whose definitions cannot work does not start, and says everything that is wrong with them.
 * Method: definitions as data; the fault's words and the warnings are read back.
 */
import { expect, test } from '@jest/globals';
import { saga, sagaProtocol, type Finding } from '@sagamore/engine';
import { Fault } from '@sagamore/resilience';
import { checkedDefinitions } from './definitions.check.js';

const operationOf = (name: string, undo = true) => {
  const operation = { participant: 'shop', action: `${name}.do`, effect: 'local' } as const;
  return undo ? { ...operation, compensation: `${name}.undo` } : operation;
};
const one = () => 1;
const order = saga<unknown>('order', { version: 1 }).step('reserve', operationOf('reserve'), one).define();
const child = saga<unknown>('child', { version: 3 })
  .step('a', operationOf('a'), one, { undoNeedsOutput: true })
  .define();
const parent = saga<unknown>('parent', { version: 1 }).subSaga('whole', child, one).define();
const late = saga<unknown>('late', { version: 1 })
  .step('confirm', operationOf('confirm', false), one, { pivot: true })
  .lock('late-lock', () => 'k')
  .define();

function check(definitions: Parameters<typeof sagaProtocol>[0][], handled?: ReadonlySet<string>) {
  const warnings: Finding[] = [];
  const known = handled === undefined ? {} : { handled };
  try {
    checkedDefinitions(definitions.map(sagaProtocol), known, (finding) => warnings.push(finding));
    return { warnings, message: undefined };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { warnings, message: `${error.code}: ${error.message}` };
  }
}

test('S22: an undo that nobody handles stops the start', () => {
  const { message } = check([order], new Set(['reserve.do']));
  expect(message).toContain('CONFIGURATION_INVALID');
  expect(message).toContain('order/reserve: no participant handles reserve.undo');
  expect(check([order], new Set(['reserve.do', 'reserve.undo'])).message).toBeUndefined();
});

test('S22: every finding about every definition is told at once', () => {
  const { message } = check([order, order, parent, child]);
  expect(message).toContain('order@1 is defined more than once');
  expect(message).toContain('child/a: its undo needs the output');
  expect(message?.match(/\(\S+\)/g)).toHaveLength(2);
});

test('a child that is not run here stops the start of its parent', () => {
  const { message } = check([parent]);
  expect(message).toContain('parent/whole: child@3 is not among the definitions that are run here');
});

test('what is merely unwise is told, and stops nobody', () => {
  const { message, warnings } = check([late]);
  expect(message).toBeUndefined();
  expect(warnings.map(({ code, step }) => `${code} ${step}`)).toEqual(['lock-after-pivot late-lock']);
});
