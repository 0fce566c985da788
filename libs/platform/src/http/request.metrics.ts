/**
 * Requests in numbers: how many, how long, how they were answered. Labels are routes as they are declared and methods that
 * have one, so that nobody outside makes a series by calling what is not there (B110).
 */
import type { Metrics } from '@sagamore/telemetry';
import type { FastifyInstance } from 'fastify';

/** What is asked of a path that no route has. */
const noRoute = 'none';

/** Counts each request when its answer is about to go out. Streams of events pass by: they are answered without the
 *  server's own sending, and how long one is listened to says nothing. */
export function countRequests(server: FastifyInstance, metrics: Metrics): void {
  if (!metrics.isOn) return;
  server.addHook('onSend', (request, reply, _payload, done) => {
    const route = request.routeOptions.url;
    const method = route === undefined ? noRoute : request.method;
    const labels = { method, route: route ?? noRoute, status: String(reply.statusCode) };
    metrics.observe('requestDuration', labels, reply.elapsedTime / 1_000);
    done();
  });
}
