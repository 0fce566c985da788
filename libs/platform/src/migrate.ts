/**
 * A process that only makes ready and ends: `main.js --migrate`, for a deployment that changes schemas BEFORE it replaces
 * a single process, so that a migration that fails stops the roll-out and nothing else.
 */
import type { BootstrapOptions } from './bootstrap.js';

/** Whether this process was told to make ready and end. */
export function onlyMigrates(): boolean {
  return process.argv.includes('--migrate');
}

/** The same process, that ends with exit code 0 once its databases have their schemas and its topics exist: both are made
 *  while its modules are, BEFORE anything is consumed or served. Repeating it changes nothing. */
export function endingOnceMigrated(options: BootstrapOptions): BootstrapOptions {
  return {
    ...options,
    prepare: async (app) => {
      await app.close();
      process.exit(0);
    },
  };
}
