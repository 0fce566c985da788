/**
 * One branch of a protocol that asks several participants at once, as its definition settles it: whom to ask, how
 * patiently, and with what. TCC, two-phase commit and two-phase message tell their branches in these words.
 * It checks shapes and fills in defaults; it never runs anything.
 */
import assert from 'node:assert/strict';
import type { Operation } from '../operation.js';
import type { RetryPolicy } from '../transaction.js';

/** How patiently one half is asked for. */
export interface Patience {
  /** How long one attempt waits for its answer; ms, positive, default 10 000. */
  readonly timeoutMs?: number;
  /** Attempts of the first half; default 3, from 200 ms up to 10 000 ms apart. */
  readonly retry?: Partial<RetryPolicy>;
  /** How long to wait before asking again after `in-progress`; ms, positive, default 1 000. */
  readonly inProgressPollMs?: number;
}

export interface BranchOptions extends Patience {
  /** Attempts of the half that settles. The default is the protocol's. */
  readonly settleRetry?: Partial<RetryPolicy>;
}

/** A branch with every default filled in. */
export interface RoundBranch {
  /** Unique in its definition; also the branch id. */
  readonly name: string;
  readonly operation: Operation;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly settleRetry: RetryPolicy;
  readonly inProgressPollMs: number;
}

/** What the command that tells of a bad end is computed from. */
export interface EndContext<Input> {
  readonly input: Input;
  readonly reason: EndReason;
}

/** Why it ended so: the code of the refusal or of the failure, or `timed-out`. */
export interface EndReason {
  readonly code: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The command that tells of a bad end. `input` is pure: it is computed again at every replay. */
export interface ClosingBranch extends RoundBranch {
  input(context: EndContext<unknown>): unknown;
}

/** Every attempt of the first half holds somebody's resources, so there are few. */
const patience: RetryPolicy = { attemptsMax: 3, baseMs: 200, maxMs: 10_000 };

/** Settling that gives up needs a person, so it is given more time than what merely turns around. */
export const settlePatience: RetryPolicy = { ...patience, attemptsMax: 10 };

/** Fills in the defaults. */
export function settleBranch(
  { name, operation }: { readonly name: string; readonly operation: Operation },
  options: BranchOptions,
  settle: RetryPolicy = settlePatience,
): RoundBranch {
  const { timeoutMs = 10_000, inProgressPollMs = 1_000 } = options;
  const retry = Object.freeze({ ...patience, ...options.retry });
  const settleRetry = Object.freeze({ ...settle, ...options.settleRetry });
  return { name, operation, timeoutMs, retry, settleRetry, inProgressPollMs };
}

/** What all definitions of this kind have in common. */
interface Told {
  readonly name: string;
  readonly version: number;
  readonly branches: readonly RoundBranch[];
}

/** Throws an assertion for the first finding; it names the definition and the branch. */
export function assertBranches({ name, version, branches }: Told, closing: RoundBranch | undefined): void {
  assert(kebabCase.test(name), `a definition's name is kebab-case, found "${name}"`);
  assert(isCount(version), `${name}: a version is a positive whole number, found ${version}`);
  assert(branches.length > 0, `${name}: at least one branch is told`);
  const seen = new Set<string>();
  for (const branch of closing === undefined ? branches : [...branches, closing]) {
    assert(!seen.has(branch.name), `${name}: the name "${branch.name}" is used twice, and it is a branch id`);
    seen.add(branch.name);
    assertBranch(name, branch);
  }
}

const kebabCase = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

function assertBranch(definition: string, branch: RoundBranch): void {
  const where = `${definition}/${branch.name}`;
  assert(kebabCase.test(branch.name), `${definition}: a branch's name is kebab-case, found "${branch.name}"`);
  // Its commands go over the bus, where nobody of this participant's listens: it would wait for silence.
  assert(
    branch.operation.transport !== 'http',
    `${where}: ${branch.operation.action} is called over HTTP, and only a saga's steps are`,
  );
  assertPositive(`${where}: timeoutMs`, branch.timeoutMs);
  assertPositive(`${where}: inProgressPollMs`, branch.inProgressPollMs);
  assertPolicy(`${where}: retry`, branch.retry);
  assertPolicy(`${where}: settleRetry`, branch.settleRetry);
}

function assertPolicy(where: string, { attemptsMax, baseMs, maxMs }: RetryPolicy): void {
  assert(isCount(attemptsMax), `${where}.attemptsMax is a positive whole number, found ${attemptsMax}`);
  assertPositive(`${where}.baseMs`, baseMs);
  assertPositive(`${where}.maxMs`, maxMs);
}

export function assertPositive(what: string, value: number): void {
  assert(Number.isFinite(value) && value > 0, `${what} is positive, found ${value}`);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

/** The services that are asked, each once. */
export function participantsOf(branches: readonly RoundBranch[]): readonly string[] {
  return [...new Set(branches.map(({ operation }) => operation.participant))];
}
