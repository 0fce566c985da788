/**
 * Brings what the outside world says into reach of SQL: the ledgers of the card network and the carrier, and what clients
 * were answered. Each becomes a temporary table beside the books it is compared with, filled a page at a time.
 */
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { AuditedDatabase } from './database.js';
import { CannotRun, type AuditedStack, type Place } from './stack.js';

const pageRows = 5_000;

/** `position` is the provider's own order of deciding: what stands higher was decided later. */
const tables = {
  order: `create temp table client_answer (position bigint, customer_id text, idempotency_key text, http integer,
      order_id text);
    create temp table client_read (position bigint, order_id text, http integer, status text)`,
  payment: `create temp table outside_card (position bigint, kind text, key text, payment_key text, amount_minor bigint,
      currency text, reference text)`,
  shipping: `create temp table outside_parcel (position bigint, kind text, key text, parcel_key text, reference text)`,
};

const cardEntry = z.object({
  kind: z.string(),
  key: z.string(),
  payment: z.object({ key: z.string() }).optional(),
  amountMinor: z.int(),
  currency: z.string().nullable(),
  reference: z.string(),
});
const parcelEntry = z.object({
  kind: z.string(),
  key: z.string(),
  parcel: z.object({ key: z.string() }).optional(),
  reference: z.string(),
});

/** One line of a client's log: what one POST was answered (`http` 0: nothing came back), or what one GET showed. */
export const clientLine = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('answer'),
    customerId: z.string(),
    idempotencyKey: z.string(),
    http: z.int(),
    orderId: z.string().optional(),
  }),
  z.object({
    type: z.literal('read'),
    orderId: z.string(),
    http: z.int(),
    status: z.string().optional(),
  }),
]);

export type ClientLine = z.infer<typeof clientLine>;

export interface OutsideOptions {
  readonly place: Pick<Place, 'simulatorsDirectory' | 'simulatorsUrl'>;
  readonly clientLog?: string;
}

/** Fills the temporary tables, empty where there is nothing to read, and says which were filled. BEFORE `freeze`. */
export async function loadOutside(
  databases: AuditedStack['databases'],
  { place, clientLog }: OutsideOptions,
): Promise<AuditedStack> {
  for (const service of ['order', 'payment', 'shipping'] as const) {
    await databases[service].query(tables[service]);
  }
  const hasProviders = place.simulatorsDirectory !== undefined || place.simulatorsUrl !== undefined;
  if (hasProviders) {
    await loadCards(databases.payment, ledgerOf(place, 'card-network'));
    await loadParcels(databases.shipping, ledgerOf(place, 'carrier'));
  }
  if (clientLog !== undefined) await loadClientLog(databases.order, clientLog);
  return { databases, hasProviders, hasClientLog: clientLog !== undefined };
}

async function loadCards(database: AuditedDatabase, entries: AsyncIterable<unknown>): Promise<void> {
  const insert = `insert into outside_card
    select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[])`;
  await load(database, { insert, table: 'outside_card' }, entries, (entry, position) => {
    const { kind, key, payment, amountMinor, currency, reference } = cardEntry.parse(entry);
    return [position, kind, key, payment?.key ?? null, amountMinor, currency, reference];
  });
}

async function loadParcels(database: AuditedDatabase, entries: AsyncIterable<unknown>): Promise<void> {
  const insert = `insert into outside_parcel
    select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])`;
  await load(database, { insert, table: 'outside_parcel' }, entries, (entry, position) => {
    const { kind, key, parcel, reference } = parcelEntry.parse(entry);
    return [position, kind, key, parcel?.key ?? null, reference];
  });
}

async function loadClientLog(database: AuditedDatabase, file: string): Promise<void> {
  if (!existsSync(file)) throw new CannotRun(`the client log ${file} does not exist`);
  const answers = `insert into client_answer
    select * from unnest($1::bigint[], $2::text[], $3::text[], $4::int[], $5::text[])`;
  await load(database, { insert: answers, table: 'client_answer' }, linesOf(file), (entry, position) => {
    const line = clientLine.parse(entry);
    if (line.type !== 'answer') return undefined;
    return [position, line.customerId, line.idempotencyKey, line.http, line.orderId ?? null];
  });
  const reads = `insert into client_read select * from unnest($1::bigint[], $2::text[], $3::int[], $4::text[])`;
  await load(database, { insert: reads, table: 'client_read' }, linesOf(file), (entry, position) => {
    const line = clientLine.parse(entry);
    return line.type === 'read' ? [position, line.orderId, line.http, line.status ?? null] : undefined;
  });
}

async function load(
  database: AuditedDatabase,
  { insert, table }: { readonly insert: string; readonly table: string },
  entries: AsyncIterable<unknown>,
  rowOf: (entry: unknown, position: number) => readonly unknown[] | undefined,
): Promise<void> {
  let page: (readonly unknown[])[] = [];
  let position = 0;
  const flush = async (): Promise<void> => {
    const [first] = page;
    if (first === undefined) return;
    await database.query(
      insert,
      first.map((_, column) => page.map((row) => row[column])),
    );
    page = [];
  };
  for await (const entry of entries) {
    const row = rowOf(entry, ++position);
    if (row !== undefined) page.push(row);
    if (page.length >= pageRows) await flush();
  }
  await flush();
  await database.query(`analyze ${table}`);
}

/** The file where it is known: it outlives the provider's process, and holds all that was ever answered. */
function ledgerOf(place: OutsideOptions['place'], provider: string): AsyncIterable<unknown> {
  const file = place.simulatorsDirectory && join(place.simulatorsDirectory, `${provider}.jsonl`);
  if (file && existsSync(file)) return entriesOfFile(file);
  if (place.simulatorsUrl === undefined) throw new CannotRun(`the ledger ${file} does not exist`);
  return entriesOfServer(`${place.simulatorsUrl}/${provider}/ledger`);
}

async function* entriesOfFile(file: string): AsyncGenerator<unknown> {
  const line = z.object({ entry: z.unknown().optional() });
  for await (const read of linesOf(file)) {
    const { entry } = line.parse(read);
    if (entry !== undefined) yield entry;
  }
}

/** Every whole line. The last one may be torn by a crash; it was never answered. */
async function* linesOf(file: string): AsyncGenerator<unknown> {
  let held: string | undefined;
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    if (held !== undefined) yield JSON.parse(held);
    held = text === '' ? undefined : text;
  }
  const last = held === undefined ? undefined : parsed(held);
  if (last !== undefined) yield last;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function* entriesOfServer(url: string): AsyncGenerator<unknown> {
  const page = z.object({ entries: z.array(z.unknown()), next: z.int().nullable() });
  for (let after: number | null = 0; after !== null;) {
    const response: Response = await fetch(`${url}?after=${after}&limit=5000`).catch(() => {
      throw new CannotRun(
        `the simulators do not answer at ${url}: start the stack, or leave them out with --no-providers`,
      );
    });
    const { entries, next }: z.infer<typeof page> = page.parse(await response.json());
    yield* entries;
    after = next;
  }
}
