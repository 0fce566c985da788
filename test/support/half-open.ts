/**
 * A way to a server that can become half open: the other end vanishes without a word, as a machine that lost its power or a
 * firewall that forgot a connection. Both ends keep their sockets, nothing is said to either, and nothing passes any more.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface HalfOpenWay {
  readonly port: number;
  /** Where it leads; set BEFORE the first connection. */
  lead(port: number): void;
  /** From here on nothing passes on any connection, and new ones are taken and heard by nobody. */
  vanish(): void;
  /** New connections pass again. Those that stand stay as they are: nobody at the other end knows of them any more. */
  comeBack(): void;
  /** Connections that stand and on which nothing passes. */
  readonly stale: number;
  close(): Promise<void>;
}

/** Listens on a port that the system gives. The caller closes. */
export async function halfOpenWay(): Promise<HalfOpenWay> {
  const passing = new Set<Socket>();
  const stale = new Set<Socket>();
  let target = 0;
  let isGone = false;
  const server = createServer((near) => {
    near.on('error', () => undefined);
    near.once('close', () => stale.delete(near));
    if (isGone) return void stale.add(near.pause());
    const far = connect(target, '127.0.0.1');
    far.on('error', () => near.destroy());
    passing.add(near);
    near.once('close', () => {
      passing.delete(near);
      far.destroy();
    });
    far.once('close', () => {
      if (!stale.has(near)) near.destroy();
    });
    near.on('data', (chunk) => stale.has(near) || far.write(chunk));
    far.on('data', (chunk) => stale.has(near) || near.write(chunk));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    lead: (port) => void (target = port),
    vanish() {
      isGone = true;
      for (const near of passing) stale.add(near);
      passing.clear();
    },
    comeBack: () => void (isGone = false),
    get stale() {
      return stale.size;
    },
    async close() {
      for (const near of [...passing, ...stale]) near.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
