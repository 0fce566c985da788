/**
 * Where two books differ, line by line, for people. Pure.
 */
import { inspect, isDeepStrictEqual } from 'node:util';

const linesMax = 8;

/** Empty where they are the same. At most eight lines, each with the way to what differs. */
export function differences(expected: unknown, found: unknown): readonly string[] {
  const lines = [...between(expected, found, '')];
  const more = lines.length - linesMax;
  return more > 0 ? [...lines.slice(0, linesMax), `and ${more} more`] : lines;
}

function* between(expected: unknown, found: unknown, way: string): Generator<string> {
  if (isDeepStrictEqual(expected, found)) return;
  if (!isTree(expected) || !isTree(found)) {
    yield `${way === '' ? 'the books' : way}: ${inWords(expected)} was expected, found ${inWords(found)}`;
    return;
  }
  for (const name of new Set([...Object.keys(expected), ...Object.keys(found)]))
    yield* between(expected[name], found[name], way === '' ? name : `${way} / ${name}`);
}

type Tree = Readonly<Record<string, unknown>>;

/** Maps, sets and the like are shown whole. */
function isTree(value: unknown): value is Tree {
  // By its tag, not its prototype: a test runner may give every file prototypes of its own.
  return ['[object Object]', '[object Array]'].includes(Object.prototype.toString.call(value));
}

function inWords(value: unknown): string {
  return value === undefined ? 'nothing' : inspect(value, { depth: 3, breakLength: Infinity });
}
