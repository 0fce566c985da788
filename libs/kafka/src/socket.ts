/**
 * The sockets of the Kafka client. A request of the client that times out leaves its connection as it is, and the next try goes
 * out on it again: where the other end has vanished without a word (half open), that is said to nobody for minutes. So a
 * connection on which something was asked and nothing comes is destroyed here, and the client makes another.
 */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

/** The client's own figure, for a connection that nobody uses. */
const keepAliveMs = 60_000;

/** Makes sockets that end with an error once nothing has come for `silenceMs` after something was asked. It must be longer than
 *  a broker takes for any answer, a rebalance that waits for busy members among them. */
export function socketsWithin(silenceMs: number): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const socket = isSecure(ssl)
      ? connectSecurely({ host, port, ...(isIP(host) === 0 && { servername: host }), ...ssl }, onConnect)
      : connect({ host, port }, onConnect);
    socket.setKeepAlive(true, keepAliveMs);
    endWhenSilent(socket, silenceMs);
    return socket;
  };
}

/** The client hands over nothing where TLS is off, whatever its types say. */
function isSecure<Options>(ssl: Options | undefined | null | false): ssl is Options {
  return Boolean(ssl);
}

function endWhenSilent(socket: Socket, silenceMs: number): void {
  let timer: NodeJS.Timeout | undefined;
  const heard = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  const giveUp = (): void => void socket.destroy(new Error(`nothing came for ${silenceMs} ms`));
  socket.on('data', heard);
  socket.once('close', heard);
  socket.write = new Proxy(socket.write, {
    apply(write, self, given) {
      if (!socket.destroyed) timer ??= setTimeout(giveUp, silenceMs).unref();
      return Reflect.apply(write, self, given);
    },
  });
}
