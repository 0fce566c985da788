/**
 * What every process under measurement serves to the bench besides its real work: a load inside of it, a count of its
 * queries, and a CPU profile of itself. It costs nothing until it is asked.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { serve } from './ipc.js';
import type { Load, Pace } from './load.js';
import { mapped } from './cpu-profile.js';
import { countQueries } from './queries.js';

/** What a host says of itself once it is ready. */
export interface HostReady {
  readonly url: string;
}

/** What was started, and how it ends. */
export interface Booted extends HostReady {
  stop(): Promise<void>;
}

type AnyLoad = Pick<Load<unknown>, 'start' | 'mark' | 'finish'>;

/** Serves `boot` (called once, first) and the bench's calls; stops what `boot` started on SIGTERM or when the bench is
 *  gone. `loadOf` makes the load of a plan; one may follow another. */
export function host<Started extends Booted, Plan extends Pace>(
  boot: () => Promise<Started>,
  loadOf: (started: Started, plan: Plan) => AnyLoad,
): void {
  const queries = countQueries();
  let load: AnyLoad | undefined;
  let booted: Started | undefined;
  const profiler = new Session();
  const end = (): void => {
    setTimeout(() => process.exit(1), 18_000).unref();
    (booted?.stop() ?? Promise.resolve()).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGTERM', end);
  const started = (): AnyLoad => load ?? fail('the load was not started');
  serve(
    {
      async boot(): Promise<HostReady> {
        booted = await boot();
        return { url: booted.url };
      },
      start(plan: Plan) {
        load = loadOf(booted ?? fail('nothing was started'), plan);
        load.start();
      },
      mark: () => started().mark(),
      finish: () => started().finish(),
      queries,
      async profileStart() {
        profiler.connect();
        await profiler.post('Profiler.enable');
        await profiler.post('Profiler.setSamplingInterval', { interval: 1_000 });
        await profiler.post('Profiler.start');
      },
      async profileStop(file: string) {
        const { profile } = await profiler.post('Profiler.stop');
        profiler.disconnect();
        writeFileSync(file, JSON.stringify(mapped(profile)));
      },
    },
    end,
  );
}

function fail(message: string): never {
  throw new Error(message);
}
