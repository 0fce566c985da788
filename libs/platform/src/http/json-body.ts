/**
 * From the bytes of a request to JSON, refusing what later rooms could not hold: other encodings than UTF-8, deep
 * nesting, keys that reach for a prototype, and text that Postgres cannot store. It must never repeat what was sent.
 */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemException } from './problem.js';

/** Deeper than any body of ours; walks over a body may then recurse without fear for the stack (B49). */
const depthMax = 32;

/** Leaves `application/json` in UTF-8 as the one body the server reads; everything else is a 415 (B54). */
export function acceptJsonAlone(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      const text = textOf(request, Buffer.from(body));
      void parse(request, text, (error, value: unknown) =>
        error ? done(malformed('the body is not JSON')) : done(null, storable(text, value)),
      );
    } catch (error) {
      done(error instanceof Error ? error : malformed('the body is not JSON'));
    }
  });
}

function textOf(request: FastifyRequest, body: Buffer): string {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new ProblemException(415, 'MEDIA_TYPE_UNSUPPORTED', { detail: 'the body must be JSON in UTF-8' });
  }
  const text = decode(body);
  if (isDeeperThan(text, depthMax)) throw malformed(`the body is nested deeper than ${depthMax}`);
  return text;
}

/** Fatal: a byte that is no UTF-8 must not become a replacement character. JSON may not begin with a byte order mark
 *  (RFC 8259), and readers differ in what they make of one. */
function decode(body: Buffer): string {
  if (!isUtf8(body)) throw malformed('the body is not UTF-8');
  const text = body.toString('utf8');
  if (text.startsWith('\ufeff')) throw malformed('the body begins with a byte order mark');
  return text;
}

function isDeeperThan(text: string, max: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') quoted = !quoted;
    else if (char === '\\') at++;
    else if (quoted) continue;
    else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    if (depth > max) return true;
  }
  return false;
}

/** NUL and lone surrogates can only come from escapes; Postgres refuses the one and would alter the other (B46). */
function storable(text: string, value: unknown): unknown {
  if (/\\u(?:0000|d[89a-f])/i.test(text)) refuseUnstorable(value);
  return value;
}

function refuseUnstorable(value: unknown): void {
  if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed())) {
    throw malformed('the body holds characters that cannot be stored');
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, part] of Object.entries(value)) {
    refuseUnstorable(key);
    refuseUnstorable(part);
  }
}

function malformed(detail: string): ProblemException {
  return new ProblemException(400, 'REQUEST_MALFORMED', { detail });
}
