/**
 * The shipping service as a process of its own: settings from the environment, Kafka as the bus.
 */
import { bootstrap } from '@sagamore/platform';
import { ShippingModule } from './shipping.module.js';

await bootstrap({ service: 'shipping', module: (host) => ShippingModule.forRoot(host) });
