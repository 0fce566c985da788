/**
 * A named statement: parsed once for each connection, then executed by its name.
 * Everything the house asks of Postgres on an order's road goes through one of these. Values never become text.
 */

/** SQL under a name. The name stands for exactly one text in a process, and appears in errors. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Declares a prepared statement. `name`: up to 63 characters, e.g. `stock-lock`; unique in the service. */
export function statement(name: string, text: string): Statement {
  return { name, text };
}

/** A connection that is silent for so long is taken for dead: no statement of ours runs longer. */
export const silenceMs = 30_000;

/** What the driver is handed. */
export function bound({ name, text }: Statement, values: readonly unknown[]) {
  return { name, text, values: [...values], query_timeout: silenceMs };
}
