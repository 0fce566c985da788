/**
 * `Prefer: wait=N` (RFC 7240): how long a caller would like an answer to be held back until there is news.
 * A preference: what cannot be read is ignored, never refused.
 */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** No answer is held back longer, in seconds: proxies give up at a minute. */
const waitSecondsMax = 60;

/** The wait asked for, in ms: 0 when none is, at most 60 000. The first `wait` counts. */
export function preferredWaitMs(header: string | readonly string[] | undefined): number {
  const preferences = [header ?? []].flat().join(',').slice(0, 1_000).split(',');
  for (const preference of preferences) {
    const seconds = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;|$)/i.exec(preference)?.[1];
    if (seconds !== undefined) return Math.min(Number(seconds), waitSecondsMax) * 1_000;
  }
  return 0;
}

/** The request's preferred wait, in ms. */
export const PreferWait = createParamDecorator((_data: unknown, context: ExecutionContext): number => {
  return preferredWaitMs(context.switchToHttp().getRequest<FastifyRequest>().headers['prefer']);
});
