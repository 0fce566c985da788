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

/** What the driver is handed. Lists become array literals here: nearly all that is sent are columns of ids and of JSON, and
 *  the driver's own way of writing them costs a tenth of what an order costs this process. */
export function bound({ name, text }: Statement, values: readonly unknown[]) {
  return {
    name,
    text,
    values: values.map((value) => (Array.isArray(value) ? arrayLiteral(value) : value)),
    query_timeout: silenceMs,
  };
}

/** What an array holds; documents come as text. */
type Element = string | number | bigint | boolean | null | undefined;

/** A list as Postgres reads arrays of any type. */
export function arrayLiteral(items: readonly Element[]): string {
  let literal = '{';
  for (let index = 0; index < items.length; index++)
    literal += (index === 0 ? '' : ',') + elementLiteral(items[index]);
  return literal + '}';
}

const special = /["\\]/;

/** Quoted, so that neither a comma nor the word null within a text is taken for more than text. */
function elementLiteral(item: Element): string {
  if (item === null || item === undefined) return 'NULL';
  if (typeof item !== 'string') return String(item);
  return special.test(item) ? `"${item.replaceAll(/["\\]/g, String.raw`\$&`)}"` : `"${item}"`;
}
