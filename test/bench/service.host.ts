/**
 * One service of the Kafka profile under measurement, exactly as its own `main.ts` wires it, with the outside world in
 * process where a stand-in is asked for. Settings come from the environment, as in production.
 */
import { parseArgs } from 'node:util';
import { InventoryModule } from '@sagamore/inventory';
import { OrchestratorModule } from '@sagamore/orchestrator';
import { OrderModule } from '@sagamore/order';
import { PaymentModule } from '@sagamore/payment';
import { start, type BootstrapOptions } from '@sagamore/platform';
import { ShippingModule } from '@sagamore/shipping';
import { startSimulators } from '@sagamore/simulators';
import { host } from './host.js';
import { orderLoad, type BootedApp } from './order-load.js';
import { cardNetwork, carrier } from './providers.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { simulators: { type: 'boolean', default: false } },
});
const [name = ''] = positionals;

const modules: Readonly<Record<string, BootstrapOptions['module']>> = {
  order: (given) => OrderModule.forRoot(given),
  inventory: (given) => InventoryModule.forRoot(given),
  payment: (given) => PaymentModule.forRoot(given, values.simulators ? {} : { cardNetwork }),
  shipping: (given) => ShippingModule.forRoot(given, values.simulators ? {} : { carrier }),
  orchestrator: (given) => OrchestratorModule.forRoot(given),
};

host(async (): Promise<BootedApp> => {
  if (name === 'simulators') return startSimulators();
  const module = modules[name];
  if (module === undefined) throw new Error(`no service is named ${name}`);
  const running = await start({ service: name, module, port: 0 });
  return { url: running.url, running, stop: running.stop };
}, orderLoad);
