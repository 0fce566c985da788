/**
 * The simulators as a process of their own: HOST (default: loopback), PORT (default: a free one) and SIMULATORS_DIRECTORY
 * (default: memory alone).
 * Prints `ready <url>` once it answers. SIGTERM and SIGINT stop it; kill -9 loses nothing that was answered.
 */
import { z } from 'zod';
import { startSimulators } from './simulators.js';

const settings = z
  .object({
    HOST: z.string().default('127.0.0.1'),
    PORT: z.coerce.number().int().min(0).max(65_535).default(0),
    SIMULATORS_DIRECTORY: z.string().optional(),
  })
  .parse(process.env);
const { HOST: host, PORT: port, SIMULATORS_DIRECTORY: directory } = settings;

const simulators = await startSimulators({ host, port, ...(directory && { directory }) });
const stop = (): void => void simulators.stop();
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.stdout.write(`ready ${simulators.url}\n`);
