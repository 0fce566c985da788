/**
 * Asks loopback ports two questions: is this one free, and does a Kafka broker answer there?
 * Spoken by hand in a few bytes, because no room but libs/kafka may know the client.
 */
import { connect, createServer } from 'node:net';

/** An ApiVersions request, version 0: length, API key 18, version, correlation id 1, no client id. */
const apiVersions = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
const answerWaitMs = 2_000;

/** Whether a broker answers ApiVersions on the port without an error. A KRaft broker serves no request before it has
 *  caught up with its controller, so an answer means that it is ready. Never throws. */
export function answersApiVersions(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: answerWaitMs });
    let received = Buffer.alloc(0);
    const finish = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => socket.write(apiVersions));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      // Length and correlation id take eight bytes; then the error code follows.
      if (received.length >= 10) finish(received.readInt32BE(4) === 1 && received.readInt16BE(8) === 0);
    });
    socket.on('timeout', () => finish(false));
    socket.on('error', () => finish(false));
    socket.on('close', () => finish(false));
  });
}

/** `count` different free loopback ports, those of `wanted` first where they are free. Another process may still take
 *  one before it is used. */
export async function freePorts(count: number, wanted: readonly number[] = []): Promise<number[]> {
  const held = await Promise.all(
    Array.from({ length: count }, async (_, index) => (await hold(wanted[index] ?? 0)) ?? (await hold(0))),
  );
  const ports = held.map((entry) => entry!.port);
  await Promise.all(held.map((entry) => entry!.release()));
  return ports;
}

interface Held {
  readonly port: number;
  readonly release: () => Promise<void>;
}

function hold(port: number): Promise<Held | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', () =>
      port === 0 ? reject(new Error('no free loopback port was found')) : resolve(undefined),
    );
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const found = typeof address === 'object' && address !== null ? address.port : port;
      resolve({ port: found, release: () => new Promise((closed) => server.close(() => closed())) });
    });
  });
}
