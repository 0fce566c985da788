/**
 * The edge of a process: the HTTP server with its limits, what it refuses before any route is asked, and the headers of
 * every answer. One place, so that no route can forget them. Proxies are not trusted: no forwarded header is read (B61).
 */
import type { Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import {
  StandardSchemaValidationPipe,
  type INestApplication,
  type NestApplicationOptions,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { noMetrics, noTracing, type Metrics, type Tracing } from '@sagamore/telemetry';
import { silentLog, type Log } from '../log.js';
import { acceptJsonAlone } from './json-body.js';
import { ProblemException, problemMediaType, problemOf } from './problem.js';
import { problemOfStatus, ProblemFilter, sendProblem } from './problem.filter.js';
import { countRequests } from './request.metrics.js';
import { traceRequests } from './request.spans.js';
import { Routes } from './routes.js';
import { invalidRequest } from './validation.js';

/** Bytes of a body; an order of a thousand lines needs a third of it. */
const bodyBytesMax = 256 * 1_024;
/** Bytes of all headers together (B59). */
const headerBytesMax = 16 * 1_024;
const headersMax = 100;
/** How long senders may take, ms, so that slow ones cannot hold sockets (B56). */
export interface SenderLimits {
  /** A request that is not here after this long is cut off. */
  readonly requestMs: number;
  readonly headersMs: number;
  /** A connection that is kept and not used is ended. */
  readonly keepAliveMs: number;
  /** How often the server looks for requests that are late: by so much more may each take. */
  readonly lookMs: number;
}

const defaultLimits: SenderLimits = {
  requestMs: 15_000,
  headersMs: 10_000,
  keepAliveMs: 10_000,
  lookMs: 2_000,
};

/** The server and what it needs of its Nest application. */
export interface HttpEdge {
  readonly adapter: FastifyAdapter;
  /** For `NestFactory.create(module, adapter, options)`: our parser stands in for Nest's. */
  readonly options: NestApplicationOptions;
  /** Puts validation and problem details around every route. Call it BEFORE the application is initialised. */
  protect(app: INestApplication): void;
}

/** What of an edge is not the same for every process. */
export interface HttpEdgeOptions {
  /** Told of requests that failed. Default: nobody. */
  readonly log?: Log;
  /** Told of requests that begin transactions. Default: nobody. */
  readonly traces?: { readonly tracing: Tracing; readonly ratio: number };
  /** Told of every request. Default: nobody. */
  readonly metrics?: Metrics;
  /** Other limits than the default are for tests. */
  readonly limits?: SenderLimits;
}

/** Makes the edge of one process. */
export function createHttpEdge({
  log = silentLog,
  traces = { tracing: noTracing, ratio: 0 },
  metrics = noMetrics,
  limits: { requestMs, headersMs, keepAliveMs, lookMs } = defaultLimits,
}: HttpEdgeOptions = {}): HttpEdge {
  const adapter = new FastifyAdapter({
    bodyLimit: bodyBytesMax,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: 'idle',
    trustProxy: false,
    requestIdHeader: false,
    genReqId: correlationIdOf,
    http: {
      maxHeaderSize: headerBytesMax,
      headersTimeout: headersMs,
      connectionsCheckingInterval: lookMs,
      insecureHTTPParser: false,
    },
    routerOptions: { maxParamLength: 500 },
    clientErrorHandler: refuseConnection,
    frameworkErrors: refuseRequest,
  });
  const server = adapter.getInstance<FastifyInstance>();
  const routes = new Routes(server);
  acceptJsonAlone(server);
  addHeaders(server);
  traceRequests(server, traces);
  countRequests(server, metrics);
  server.addHook('onRequest', (request, _reply, done) => done(refusalOf(request)));
  return {
    adapter,
    options: { bodyParser: false },
    protect: (app) => {
      app.useGlobalPipes(
        new StandardSchemaValidationPipe({ exceptionFactory: (issues) => invalidRequest(issues) }),
      );
      app.useGlobalFilters(new ProblemFilter(log, (path) => routes.methodsOf(path)));
    },
  };
}

/** A caller's own id is kept when it is short and plain; anything else could forge log lines or headers (B60, B85). */
function correlationIdOf(request: { readonly headers: IncomingMessage['headers'] }): string {
  const given = request.headers['x-correlation-id'];
  return typeof given === 'string' && /^[\w-]{1,64}$/.test(given) ? given : randomUUID();
}

function addHeaders(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    void reply.headers(headersOfAll(request));
    done();
  });
  server.addHook('onSend', (_request, reply, _payload, done) => {
    if (String(reply.getHeader('content-type') ?? '').includes('json')) {
      void reply.headers({ 'content-security-policy': "default-src 'none'; frame-ancestors 'none'" });
      if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store');
    }
    done();
  });
}

function headersOfAll({ id }: FastifyRequest): Record<string, string> {
  return { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'x-correlation-id': id };
}

/** Answers what the router refuses before any hook has run: a path that cannot be decoded, a parameter that is too long. */
function refuseRequest(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  void reply.headers(headersOfAll(request));
  sendProblem(request, reply, problemOfStatus(error.statusCode ?? 400));
}

/** What is refused whatever the route is. */
function refusalOf(request: FastifyRequest): ProblemException | undefined {
  if (request.raw.rawHeaders.length > 2 * headersMax) return problemOfStatus(431);
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return new ProblemException(415, 'MEDIA_TYPE_UNSUPPORTED', { detail: 'the body must not be compressed' });
  }
  if (/%00/.test(request.url)) return problemOfStatus(400);
  return isPlainQuery(request.query) ? undefined : unclearQuery();
}

/** Each parameter once and by a plain name: `id=1&id=2` and `id[$ne]=1` mean different things to different readers (B68). */
function isPlainQuery(query: unknown): boolean {
  if (typeof query !== 'object' || query === null) return true;
  return Object.entries(query).every(
    ([name, value]) => /^[A-Za-z][\w.-]{0,63}$/.test(name) && isPlainText(value),
  );
}

function isPlainText(value: unknown): boolean {
  return typeof value === 'string' && !value.includes('\0') && value.isWellFormed();
}

function unclearQuery(): ProblemException {
  const detail = 'each parameter of the query may stand once, by a plain name';
  return new ProblemException(400, 'REQUEST_MALFORMED', { detail });
}

/** Answers what is not HTTP enough to become a request, and hangs up (B58, B59). */
function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const problem = problemOf(problemOfStatus(connectionStatus(error.code)), { correlationId: randomUUID() });
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `content-type: ${problemMediaType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'x-content-type-options: nosniff',
    'connection: close',
  ];
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroySoon();
}

function connectionStatus(code: string | undefined): number {
  if (code === 'HPE_HEADER_OVERFLOW') return 431;
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
}
