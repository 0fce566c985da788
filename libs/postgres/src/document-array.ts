/**
 * A list of JSON documents as Postgres reads arrays on the wire. Nearly all that the house writes are columns of documents,
 * and a document within an array literal has every quote of it escaped here and unescaped there: that was an eighth of
 * what an order costs the process. Ids and numbers stay literals, which are as cheap.
 */

/** The element types that are sent this way. */
export type DocumentType = 'json' | 'jsonb';

/** Of `pg_type`; fixed for as long as Postgres has had these types. */
const oidOf = { json: 114, jsonb: 3802 } as const;
/** `jsonb` goes out behind the number of its format. */
const jsonbVersion = 1;
const headerBytes = 20;
const nullLength = -1;

/** One dimension from 1; an empty list has no dimension. Documents come as text; null and undefined are SQL's null. */
export function documentArray(documents: readonly (string | null | undefined)[], type: DocumentType): Buffer {
  const lead = type === 'jsonb' ? 1 : 0;
  const lengths = documents.map((each) =>
    each === null || each === undefined ? nullLength : Buffer.byteLength(each) + lead,
  );
  const bytes = lengths.reduce((sum, length) => sum + 4 + Math.max(0, length), headerBytes);
  const array = Buffer.allocUnsafe(bytes);
  let at = writeHeader(array, documents.length, { oid: oidOf[type], hasNull: lengths.includes(nullLength) });
  for (const [index, document] of documents.entries()) {
    at = array.writeInt32BE(lengths[index]!, at);
    if (document === null || document === undefined) continue;
    if (lead > 0) at = array.writeUInt8(jsonbVersion, at);
    at += array.write(document, at);
  }
  return array.subarray(0, at);
}

function writeHeader(
  array: Buffer,
  count: number,
  { oid, hasNull }: { readonly oid: number; readonly hasNull: boolean },
): number {
  array.writeInt32BE(count === 0 ? 0 : 1, 0);
  array.writeInt32BE(hasNull ? 1 : 0, 4);
  const at = array.writeInt32BE(oid, 8);
  if (count === 0) return at;
  array.writeInt32BE(count, at);
  return array.writeInt32BE(1, at + 4);
}
