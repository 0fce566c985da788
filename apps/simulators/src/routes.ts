/**
 * The simulated providers over HTTP: paths, headers and status codes, each request checked before a provider sees it.
 * Nothing is decided here. A lost reply is a socket destroyed after the decision: the caller cannot tell it from a crash.
 */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Reply } from './calls.js';
import type { CardNetwork } from './card-network.js';
import { paymentBody, refundBody, settlementBody } from './card-network.words.js';
import { cancellationBody, confirmationBody, shipmentBody, type Carrier } from './carrier.js';
import type { Desk } from './desk.js';

const idempotencyKey = z.string().min(1).max(200);
const pageQuery = z.object({
  /** The index of the last entry already seen. */
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(10_000).default(1_000),
});
const keyInPath = z.object({ '*': z.string().min(1).max(200) });

/** Whose routes are served. */
export interface Served {
  readonly cardNetwork: CardNetwork;
  readonly carrier: Carrier;
  /** By the first word of their paths. */
  readonly desks: Readonly<Record<string, Desk>>;
}

/** A server with the routes of all, not listening yet. */
export function createServer({ cardNetwork, carrier, desks }: Served): FastifyInstance {
  const server = Fastify({
    forceCloseConnections: true,
    bodyLimit: 65_536,
    routerOptions: { maxParamLength: 200 },
  });
  server.setErrorHandler((error, _request, reply) => {
    const status = error instanceof z.ZodError ? 400 : statusOf(error);
    return reply.status(status).send({ code: status < 500 ? 'bad-request' : 'unavailable' });
  });
  addCardNetwork(server, cardNetwork);
  addCarrier(server, carrier);
  for (const [name, desk] of Object.entries(desks)) addDesk(server, name, desk);
  return server;
}

function addCardNetwork(server: FastifyInstance, network: CardNetwork): void {
  const at = (path: string): string => `/card-network/${path}`;
  post(server, at('charges'), paymentBody, (key, body) => network.pay('charge', key, body));
  post(server, at('refunds'), refundBody, (key, body) => network.refund(key, body));
  post(server, at('authorizations'), paymentBody, (key, body) => network.pay('authorize', key, body));
  post(server, at('captures'), settlementBody, (key, body) => network.settle('capture', key, body));
  post(server, at('voids'), settlementBody, (key, body) => network.settle('void', key, body));
  probe(server, at('charges/*'), (key) => network.probe('charge', key));
  probe(server, at('authorizations/*'), (key) => network.probe('authorize', key));
  ledger(server, at('ledger'), network);
  server.post(at('admin/heal'), async (_request, reply) => {
    await network.heal();
    return reply.send({ status: 'healed' });
  });
}

function addCarrier(server: FastifyInstance, carrier: Carrier): void {
  const at = (path: string): string => `/carrier/${path}`;
  post(server, at('shipments'), shipmentBody, (key, body) => carrier.take('shipment', key, body));
  post(server, at('cancellations'), cancellationBody, (key, body) => carrier.cancel(key, body));
  post(server, at('bookings'), shipmentBody, (key, body) => carrier.take('booking', key, body));
  post(server, at('confirmations'), confirmationBody, (key, body) => carrier.confirm(key, body));
  probe(server, at('shipments/*'), (key) => carrier.probe('shipment', key));
  probe(server, at('bookings/*'), (key) => carrier.probe('booking', key));
  ledger(server, at('ledger'), carrier);
}

/** The contract of a participant that is called over HTTP: an action, its undo and its probe under one key. */
function addDesk(server: FastifyInstance, name: string, desk: Desk): void {
  for (const offer of desk.offers) {
    const body = z.record(z.string(), z.unknown());
    const path = `/${name}/${offer.action}`;
    post(server, path, body.refine(offer.fits), (key, asked) => desk.ask(offer, key, asked));
    if (offer.compensation !== undefined)
      post(server, `/${name}/${offer.compensation}`, body, (key, asked) => desk.undo(offer, key, asked));
    server.get(`${path}/*`, async (request, reply) => {
      const found = await desk.probe(offer, keyInPath.parse(request.params)['*']);
      return reply.status(found.status).send(found.body);
    });
  }
  ledger(server, `/${name}/ledger`, desk);
}

function post<Body>(
  server: FastifyInstance,
  path: string,
  schema: z.ZodType<Body>,
  call: (key: string, body: Body) => Promise<Reply>,
): void {
  server.post(path, async (request, reply) => {
    const key = idempotencyKey.parse(request.headers['idempotency-key']);
    return answer(await call(key, schema.parse(request.body)), request, reply);
  });
}

function answer(
  { answer: { status, body }, isLost }: Reply,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (!isLost) return reply.status(status).send(body);
  reply.hijack();
  request.raw.socket.destroy();
  return reply;
}

function probe(
  server: FastifyInstance,
  path: string,
  find: (key: string) => Readonly<Record<string, unknown>> | undefined,
): void {
  server.get(path, async (request, reply) => {
    const found = find(keyInPath.parse(request.params)['*']);
    return found === undefined ? reply.status(404).send({ code: 'unknown-key' }) : reply.send(found);
  });
}

function ledger(
  server: FastifyInstance,
  path: string,
  provider: { ledger: (after: number, limit: number) => object },
): void {
  server.get(path, async (request, reply) => {
    const { after, limit } = pageQuery.parse(request.query);
    return reply.send(provider.ledger(after, limit));
  });
}

function statusOf(error: unknown): number {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : 500;
}
