/**
 * Reads the body of an answer from outside: JSON of bounded size or nothing. It decides nothing about what the JSON
 * says, and never quotes it in an error, because answers may hold what must not be logged.
 */
import { Fault } from '@sagamore/resilience';
import type { Dispatcher } from 'undici';

interface JsonBodyOptions {
  /** For the error's message alone. */
  readonly path: string;
  readonly bytesMax: number;
}

const jsonType = /^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i;

/** The parsed body, or `undefined` for an empty one of 202, 204 or 4xx. Throws `PROVIDER_REJECTED` when the body is larger than
 *  `bytesMax`, no JSON or empty under another 2xx (B75). Retryable: such an answer says nothing about the effect, and asking
 *  again under the same key is the safe way to learn it. */
export async function readJson(
  response: Dispatcher.ResponseData,
  options: JsonBodyOptions,
): Promise<unknown> {
  const text = await readText(response, options);
  const { statusCode: status } = response;
  if (text === '' && (status === 202 || status === 204 || status >= 400)) return undefined;
  const type = response.headers['content-type'];
  if (typeof type !== 'string' || !jsonType.test(type))
    throw notBelieved('JSON', 'another content type', options);
  try {
    return JSON.parse(text);
  } catch {
    throw notBelieved('JSON', 'text that does not parse', options);
  }
}

async function readText({ body }: Dispatcher.ResponseData, options: JsonBodyOptions): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop by an error destroys the stream, and with it the socket that would go on sending.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > options.bytesMax) throw notBelieved(`at most ${options.bytesMax} bytes`, 'more', options);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function notBelieved(wanted: string, found: string, { path }: JsonBodyOptions): Fault {
  return new Fault('PROVIDER_REJECTED', `${wanted} was wanted of ${path}, found ${found}`, {
    retryable: true,
  });
}
