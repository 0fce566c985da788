/**
 * What is found in definitions BEFORE any transaction runs under them: all of it at once, for whoever boots, and for users'
 * own tests. Each protocol reads its own definition; here is what only shows when all of them are seen together.
 */
import type { Protocol } from './transaction.js';

/** What is found. `error`: transactions would get stuck or lose an undo · `warning`: it works, and not as it reads. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly code: FindingCode;
  readonly saga: string;
  /** The step or branch; the definition's own name where it is about the whole. */
  readonly step: string;
  /** One sentence: what was found, and what it leads to. */
  readonly message: string;
}

export type FindingCode =
  | 'action-without-consumer'
  | 'undo-without-consumer'
  | 'deadline-after-pivot'
  | 'undo-after-pivot'
  | 'external-before-refusal'
  | 'unreachable-branch'
  | 'blind-undo'
  | 'lock-after-pivot'
  | 'unknown-child'
  | 'defined-twice';

/** What is known of the world at boot. */
export interface Known {
  /** The message types that some participant handles; absent, consumers are not looked for. */
  readonly handled?: ReadonlySet<string>;
  /** The definitions that can be run, as `name@version`; absent, children are not looked for. */
  readonly runnable?: ReadonlySet<string>;
}

/** How definitions are named where a version matters. */
export function versionedName({
  name,
  version,
}: {
  readonly name: string;
  readonly version: number;
}): string {
  return `${name}@${version}`;
}

/** Every finding about `protocols`, which are all that an orchestrator can run: in their order. Empty: nothing to say. */
export function findingsIn(
  protocols: readonly Protocol[],
  { handled }: Pick<Known, 'handled'> = {},
): readonly Finding[] {
  const names = protocols.map(versionedName);
  const runnable = new Set(names);
  const known: Known = handled === undefined ? { runnable } : { runnable, handled };
  const twice = [...runnable].filter((name) => names.indexOf(name) !== names.lastIndexOf(name));
  return [...twice.map(definedTwice), ...protocols.flatMap((protocol) => protocol.lint?.(known) ?? [])];
}

/** S91: a transaction finishes under the version it began with, so a version means one thing. */
function definedTwice(name: string): Finding {
  const message = `${name} is defined more than once, so nobody can say what its transactions would do`;
  return { severity: 'error', code: 'defined-twice', saga: name, step: name, message };
}
