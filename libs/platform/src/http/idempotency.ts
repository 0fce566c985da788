/**
 * The key by which a caller may send the same request twice, and the fingerprint that tells whether it is the same.
 * Checked at the edge; what a repeat is answered with is the service's business (R29).
 */
import { createHash } from 'node:crypto';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ProblemException } from './problem.js';

/** 1 to 255 printable ASCII characters; no space, quote, comma or backslash, which proxies and header syntax change.
 *  Upper and lower case differ. */
export const idempotencyKey = z.string().regex(/^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,255}$/);

/** The request's `Idempotency-Key`, bare or as a quoted string. Without one, with two, or with one that does not fit,
 *  the request is a 400 (B21, B27). */
export const IdempotencyKey = createParamDecorator(
  (_data: unknown, context: ExecutionContext): string => {
    return idempotencyKeyOf(context.switchToHttp().getRequest<FastifyRequest>());
  },
  [
    (target, key) => {
      if (key === undefined) return;
      const descriptor = Object.getOwnPropertyDescriptor(target, key);
      if (descriptor === undefined) return;
      ApiHeader({
        name: 'Idempotency-Key',
        required: true,
        description: 'Chosen by the caller; a repeat carries the same',
      })(target, key, descriptor);
    },
  ],
);

function idempotencyKeyOf(request: FastifyRequest): string {
  const given = request.raw.headersDistinct['idempotency-key'] ?? [];
  const [first] = given;
  if (first === undefined)
    throw new ProblemException(400, 'IDEMPOTENCY_KEY_MISSING', {
      detail: 'the header Idempotency-Key is required',
    });
  const key = idempotencyKey.safeParse(/^"(.*)"$/.exec(first)?.[1] ?? first);
  if (given.length > 1 || !key.success) {
    const detail = 'the header Idempotency-Key must stand once and hold 1 to 255 printable ASCII characters';
    throw new ProblemException(400, 'IDEMPOTENCY_KEY_INVALID', { detail });
  }
  return key.data;
}

/** A stable hash of a JSON value: spacing and the order of keys do not matter, the order of a list does (B29).
 *  64 hexadecimal characters. */
export function fingerprint(body: unknown): string {
  return createHash('sha256').update(canonical(body)).digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  const sorted = entries.toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${sorted.map(([key, part]) => `${JSON.stringify(key)}:${canonical(part)}`).join(',')}}`;
}
