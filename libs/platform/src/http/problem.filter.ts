/**
 * The last stop of every request that fails: whatever was thrown becomes problem details.
 * What we did not foresee is a 500 whose cause stays in our log; it must never reach the caller (B87).
 */
import { Fault } from '@sagamore/resilience';
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../log.js';
import { ProblemException, problemMediaType, problemOf } from './problem.js';

/** Tells which methods a path answers to, so that a wrong method is a 405 and a wrong path a 404. */
export type AllowedMethods = (path: string) => readonly string[];

/** Codes of answers that Nest or the HTTP server give by themselves. */
const codes: Readonly<Record<number, string>> = {
  400: 'REQUEST_MALFORMED',
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  406: 'NOT_ACCEPTABLE',
  408: 'REQUEST_TIMEOUT',
  409: 'CONFLICT',
  413: 'BODY_TOO_LARGE',
  414: 'PATH_TOO_LONG',
  415: 'MEDIA_TYPE_UNSUPPORTED',
  422: 'NOT_PROCESSABLE',
  429: 'TOO_MANY_REQUESTS',
  431: 'HEADERS_TOO_LARGE',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
};

/** Faults that pass by themselves: the caller may come back. */
const passing: ReadonlySet<string> = new Set([
  'BROKER_UNAVAILABLE',
  'BULKHEAD_FULL',
  'CIRCUIT_OPEN',
  'COMMIT_UNKNOWN',
  'DATABASE_UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'PROVIDER_UNAVAILABLE',
  'SERIALIZATION_CONFLICT',
  'STOPPED',
]);

/** What to answer for anything that was thrown. */
export function problemFor(thrown: unknown): ProblemException {
  if (thrown instanceof ProblemException) return thrown;
  if (thrown instanceof Fault) return passing.has(thrown.code) ? unavailable(thrown) : problemOfStatus(500);
  if (thrown instanceof HttpException) return problemOfStatus(thrown.getStatus());
  return problemOfStatus(statusOf(thrown));
}

/** The bare problem of a status; its text says no more than the status does. */
export function problemOfStatus(status: number): ProblemException {
  return new ProblemException(status, codes[status] ?? (status < 500 ? 'REQUEST_REFUSED' : 'INTERNAL'));
}

function unavailable(fault: Fault): ProblemException {
  const detail = 'something this service depends on does not answer';
  return new ProblemException(503, fault.code, { detail, headers: { 'retry-after': '1' } });
}

/** Errors of the HTTP server carry the status they ask for; of those only refusals of the request are believed. */
function statusOf(thrown: unknown): number {
  if (typeof thrown !== 'object' || thrown === null || !('statusCode' in thrown)) return 500;
  const { statusCode } = thrown;
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : 500;
}

/** Writes a problem as the answer to `request`. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, exception: ProblemException): void {
  const problem = problemOf(exception, { instance: pathOf(request.url), correlationId: request.id });
  void reply
    .code(problem.status)
    .headers({ ...exception.problem.headers })
    .header('content-type', problemMediaType)
    .send(JSON.stringify(problem));
}

/** The path alone: a query may hold what must not be repeated. */
export function pathOf(url: string): string {
  return (url.split('?', 1)[0] ?? '').slice(0, 1_024);
}

/** Turns whatever a route throws into problem details. */
@Catch()
export class ProblemFilter implements ExceptionFilter<unknown> {
  constructor(
    private readonly log: Log,
    private readonly allowedMethods: AllowedMethods = () => [],
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const problem = this.refine(problemFor(thrown), request);
    this.report(thrown, problem, request);
    // A stream that has begun cannot become a problem any more; it can only end.
    if (reply.sent || reply.raw.headersSent) reply.raw.destroy();
    else sendProblem(request, reply, problem);
  }

  private refine(problem: ProblemException, request: FastifyRequest): ProblemException {
    if (problem.code !== 'NOT_FOUND' || !request.is404) return problem;
    const allow = this.allowedMethods(pathOf(request.url));
    if (allow.length === 0) return problem;
    return new ProblemException(405, 'METHOD_NOT_ALLOWED', { headers: { allow: allow.join(', ') } });
  }

  private report(error: unknown, problem: ProblemException, request: FastifyRequest): void {
    const status = problem.getStatus();
    if (status < 500) return;
    const fields = { correlationId: request.id, method: request.method, path: pathOf(request.url), error };
    if (status === 503) this.log.warn('a request could not be served', fields);
    else this.log.error('a request failed', fields);
  }
}
