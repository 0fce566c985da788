/**
 * What HTTP says when something is wrong: problem details (RFC 9457) with a stable `code`.
 * Details are written by us for strangers to read: never a stack, SQL, path, host name or anything the caller sent.
 */
import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';

/** One place of the request that does not fit. */
export interface ProblemError {
  /** JSON pointer (RFC 6901) into the body, the query or the parameters. */
  readonly pointer: string;
  readonly detail: string;
}

export interface ProblemOptions {
  /** Default: the status in words. */
  readonly title?: string;
  /** What was wanted and what was found; no values of the caller's. */
  readonly detail?: string;
  readonly errors?: readonly ProblemError[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Members of its own (RFC 9457), for what a program must read; none of the standard's names. */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** The body of every answer that is an error. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  /** The path of the request, without its query. */
  readonly instance?: string;
  readonly correlationId?: string;
  readonly errors?: readonly ProblemError[];
}

export const problemMediaType = 'application/problem+json; charset=utf-8';

/** Thrown by a controller to answer with a problem: `throw new ProblemException(409, 'ORDER_ENDED')`.
 *  `code` is a word in capitals and part of the API. */
export class ProblemException extends HttpException {
  readonly code: string;
  readonly problem: ProblemOptions;
  /** For the HTTP server, which sees errors of its parsers before Nest does. */
  readonly statusCode: number;

  constructor(status: number, code: string, options: ProblemOptions = {}) {
    super({ code }, status);
    this.message = options.detail ?? code;
    this.code = code;
    this.problem = options;
    this.statusCode = status;
  }
}

export interface ProblemPlace {
  readonly instance?: string;
  readonly correlationId?: string;
}

/** The body for a problem that happened at `place`. */
export function problemOf(
  exception: ProblemException,
  { instance, correlationId }: ProblemPlace = {},
): Problem {
  const { title, detail, errors, extensions } = exception.problem;
  const status = exception.getStatus();
  return {
    ...extensions,
    type: 'about:blank',
    title: title ?? STATUS_CODES[status] ?? 'Error',
    status,
    code: exception.code,
    ...(detail !== undefined && { detail }),
    ...(instance !== undefined && { instance }),
    ...(correlationId !== undefined && { correlationId }),
    ...(errors !== undefined && { errors }),
  };
}
