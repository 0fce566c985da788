/**
 * Which methods a path answers to. The router only says that a path with that method is unknown; a caller is better
 * served by a 405 that names the methods there are (B62). It must never decide who is let in.
 */
import type { FastifyInstance } from 'fastify';

/** Listens to the routes of one server from its making on. */
export class Routes {
  private readonly known: { readonly method: string; readonly segments: readonly string[] }[] = [];

  constructor(server: FastifyInstance) {
    server.addHook('onRoute', ({ method, url }) => {
      const segments = url.split('/');
      for (const one of [method].flat()) this.known.push({ method: one, segments });
    });
  }

  /** Sorted, each once; empty for a path that no route knows. */
  methodsOf(path: string): readonly string[] {
    const asked = path.split('/');
    const methods = this.known.filter(({ segments }) => matches(segments, asked)).map(({ method }) => method);
    return [...new Set(methods)].toSorted();
  }
}

/** A parameter matches any segment; a wildcard matches none, since it would claim every unknown path. */
function matches(segments: readonly string[], asked: readonly string[]): boolean {
  if (segments.length !== asked.length) return false;
  return segments.every(
    (segment, index) => segment === asked[index] || (segment.startsWith(':') && asked[index] !== ''),
  );
}
