/**
 * A named statement: parsed once for each connection, then executed by its name.
 * Everything the house asks of Postgres on an order's road goes through one of these. Values never become text.
 */
import { documentArray, type DocumentType } from './document-array.js';

/** SQL under a name. The name stands for exactly one text in a process, and appears in errors. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Its parameters that are arrays of documents, by their place from 0. */
  readonly documents: ReadonlyMap<number, DocumentType>;
}

const documentParameter = /\$(\d+)::(jsonb?)\[\]/g;

/** Declares a prepared statement. `name`: up to 63 characters, e.g. `stock-lock`; unique in the service. */
export function statement(name: string, text: string): Statement {
  const found = text.matchAll(documentParameter);
  const documents = new Map(
    [...found].map(([, place, type]) => [Number(place) - 1, type === 'jsonb' ? 'jsonb' : 'json'] as const),
  );
  return { name, text, documents };
}

/** A connection that is silent for so long is taken for dead: no statement of ours runs longer. */
export const silenceMs = 30_000;

/** What the driver is handed. Lists are written here: nearly all that is sent are columns of ids and of JSON, and the driver's
 *  own way of writing them costs a tenth of what an order costs this process. */
export function bound({ name, text, documents }: Statement, values: readonly unknown[]) {
  return {
    name,
    text,
    values: values.map((value, place) =>
      Array.isArray(value) ? written(value, documents.get(place)) : value,
    ),
    query_timeout: silenceMs,
  };
}

function written(list: readonly Element[], type: DocumentType | undefined): string | Buffer {
  if (type === undefined || !list.every(isDocument)) return arrayLiteral(list);
  return documentArray(list, type);
}

function isDocument(item: Element): item is string | null | undefined {
  return typeof item === 'string' || item === null || item === undefined;
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
