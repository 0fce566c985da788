/**
 * What a check of the audit is: an id of the invariants, one sentence, and a question to the rows that answers with
 * every row that breaks it. A check reads; it repairs nothing and trusts no code of the platform.
 */
import type { AuditedStack, ServiceName } from './stack.js';

/** The smallest row that shows what is broken: ids, amounts and states, never personal data. */
export type Violation = Readonly<Record<string, string | number | boolean | null>>;

/** What a check cannot do without; it is reported skipped where that is missing. */
export type Need = 'providers' | 'client-log';

export interface Check {
  /** The invariant or rule that is checked. */
  readonly id: string;
  readonly title: string;
  readonly needs?: Need;
  /** Holds at every moment within one database, and not only once a transaction has come to rest. */
  readonly always?: true;
  /** Every violation, at most `violationsMax`. Runs inside the stack's snapshots; rejects when a database does not answer. */
  run(stack: AuditedStack): Promise<readonly Violation[]>;
}

/** More would only scroll the first ones, which tell the cause, off the screen. */
export const violationsMax = 100;

/** One statement in one service's database; each of its rows is a violation. */
export interface Question {
  readonly service: ServiceName;
  readonly sql: string;
  readonly values?: readonly unknown[];
}

/** A check that is asked in SQL alone. The service is added to each row it finds. */
export function rowsCheck({
  questions,
  ...about
}: Omit<Check, 'run'> & { readonly questions: readonly Question[] }): Check {
  return {
    ...about,
    run: async ({ databases }) => {
      const found: Violation[] = [];
      for (const { service, sql, values } of questions) {
        const rows = await databases[service].query<Violation>(`${sql} limit ${violationsMax}`, values);
        found.push(...rows.map((row) => ({ service, ...row })));
      }
      return found.slice(0, violationsMax);
    },
  };
}
