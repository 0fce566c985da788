/**
 * The local profile under measurement: the whole house in this process, exactly as `npm start` wires it, with the outside
 * world in process unless `--simulators` puts it back. Its Postgres keeps every promise: fsync is on.
 */
import { parseArgs } from 'node:util';
import { startLocal } from '@sagamore/local';
import { describeConfig } from '@sagamore/platform';
import { host } from './host.js';
import { orderLoad } from './order-load.js';
import { cardNetwork, carrier } from './providers.js';

const { values } = parseArgs({
  options: {
    directory: { type: 'string', default: '' },
    catalogue: { type: 'string', default: '1000' },
    simulators: { type: 'boolean', default: false },
  },
});

host(async () => {
  const { url, running, stop } = await startLocal({
    directory: values.directory,
    port: 0,
    env: { ...tried(), LOG_PRETTY: 'false', CATALOGUE_SIZE: values.catalogue, INITIAL_STOCK: '1000000000' },
    ...(!values.simulators && { providers: { payment: { cardNetwork }, shipping: { carrier } } }),
  });
  return { url, running, stop };
}, orderLoad);

/** What the environment sets holds here as in any other process, so that one setting can be tried at a time. */
function tried(): Record<string, string> {
  const entries = describeConfig().flatMap(({ name }) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}
