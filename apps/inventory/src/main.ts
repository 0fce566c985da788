/**
 * The inventory service as a process of its own: settings from the environment, Kafka as the bus.
 */
import { bootstrap } from '@sagamore/platform';
import { InventoryModule } from './inventory.module.js';

await bootstrap({ service: 'inventory', module: (host) => InventoryModule.forRoot(host) });
