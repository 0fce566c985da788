/**
 * Goal: a list arrives in Postgres as it was given, whatever its texts hold. Method: any list, there and back through a
 * real server, as arrays of the types that the statements of the house use.
 */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { openPostgresPorts, type PostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { statement } from './statement.js';

jest.setTimeout(60_000);
let ports: PostgresPorts;

beforeAll(async () => {
  ports = await openPostgresPorts();
});
afterAll(async () => {
  await ports.close();
  await (await testPostgres()).stop();
});

const texts = statement('test-texts', 'select $1::text[] as items');
const documents = statement('test-documents', 'select $1::json[]::text[] as items');
const same = statement('test-same', 'select to_jsonb($1::jsonb[]) = $2::jsonb as items');
const numbers = statement('test-numbers', 'select $1::float8[] as items');
const flags = statement('test-flags', 'select $1::boolean[] as items');

async function back(
  asked: typeof texts,
  items: readonly unknown[],
  ...others: readonly unknown[]
): Promise<unknown> {
  return (await ports.database.read<{ items: unknown }>(asked, [items, ...others]))[0]?.items;
}

// Postgres has no NUL, and a lone half of a pair has no place in UTF-8: both are refused at the edge (B46).
const text = fc
  .oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('', 'null', 'NULL', '{}', ',', '"', '\\', '\\"', ' a '),
  )
  .filter((each) => !each.includes('\0') && each.isWellFormed());

test.each([
  ['texts', texts, fc.option(text)],
  ['numbers', numbers, fc.option(fc.double({ noNaN: true }).map((each) => (each === 0 ? 0 : each)))],
  ['flags', flags, fc.option(fc.boolean())],
] as const)('B46: %s come back as they went', async (_kind, asked, item) => {
  await fc.assert(
    fc.asyncProperty(fc.array<unknown>(item), async (items) =>
      expect(await back(asked, items)).toEqual(items),
    ),
    { numRuns: 200 },
  );
});

test('B46: documents come back letter for letter', async () => {
  const document = fc.dictionary(text, fc.oneof(text, fc.integer(), fc.constant(null)));
  const written = fc.option(document.map((each) => JSON.stringify(each)));
  await fc.assert(
    fc.asyncProperty(fc.array(written), async (items) => expect(await back(documents, items)).toEqual(items)),
    { numRuns: 200 },
  );
});

test('B46: parsed documents mean what they said', async () => {
  const document = fc.dictionary(text, fc.oneof(text, fc.integer(), fc.constant(null)));
  const written = fc.option(document.map((each) => JSON.stringify(each)));
  await fc.assert(
    fc.asyncProperty(fc.array(written), async (items) => {
      const whole = `[${items.map((each) => each ?? 'null').join(',')}]`;
      expect(await back(same, items, whole)).toBe(true);
    }),
    { numRuns: 200 },
  );
});
