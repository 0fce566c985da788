/**
 * The key by which a caller may send the same request twice, and the fingerprint that tells whether it is the same.
 * Checked at the edge; what a repeat is answered with is the service's business (R29).
 */
import { hash } from 'node:crypto';
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
  return hash('sha256', JSON.stringify(body, inOrder) ?? 'null', 'hex');
}

/** An object with its keys in order; without a prototype, so that no key means anything. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const sorted: Record<string, unknown> = Object.create(null);
  for (const [key, part] of Object.entries(value).toSorted(byKey)) sorted[key] = part;
  return sorted;
}

function byKey([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}
