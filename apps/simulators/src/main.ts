/**
 * The simulators as a process of their own: PORT (default: a free one) and SIMULATORS_DIRECTORY (default: memory alone).
 * Prints `ready <url>` once it answers. SIGTERM and SIGINT stop it; kill -9 loses nothing that was answered.
 */
import { z } from 'zod';
import { startSimulators } from './simulators.js';

const settings = z
  .object({
    PORT: z.coerce.number().int().min(0).max(65_535).default(0),
    SIMULATORS_DIRECTORY: z.string().optional(),
  })
  .parse(process.env);
const directory = settings.SIMULATORS_DIRECTORY;

const simulators = await startSimulators({ port: settings.PORT, ...(directory && { directory }) });
const stop = (): void => void simulators.stop();
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.stdout.write(`ready ${simulators.url}\n`);
