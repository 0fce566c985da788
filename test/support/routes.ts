/**
 * The routes that a process really has, held against those that its description names. Listens from the making of the
 * server on, so it is given to `bootstrap` as `prepare`. Never used outside tests.
 */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { z } from 'zod';

const description = z.object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) });

/** One process's routes, as `METHOD /path/{parameter}`. */
export class RouteRecord {
  private readonly known = new Set<string>();

  /** Listens to the server of `app`; called BEFORE its routes are made, the description's own excepted. */
  readonly listen = (app: NestFastifyApplication): void => {
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('onRoute', ({ method, url }) => {
        // A HEAD comes with every GET, and is described with it.
        for (const one of [method].flat())
          if (one !== 'HEAD') this.known.add(`${one} ${url.replaceAll(/:(\w+)/g, '{$1}')}`);
      });
  };

  /** Routes that are not in the description served at `url`, and described ones that there are not; sorted. */
  async differences(url: string): Promise<readonly string[]> {
    const { paths } = description.parse(await (await fetch(`${url}/openapi.json`)).json());
    const described = new Set(
      Object.entries(paths).flatMap(([path, operations]) =>
        Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
      ),
    );
    const all = [...new Set([...described, ...this.known])];
    return all.filter((route) => described.has(route) !== this.known.has(route)).toSorted();
  }
}
