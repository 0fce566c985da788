/**
 * The payment service as a process of its own: settings from the environment, Kafka as the bus.
 */
import { bootstrap } from '@sagamore/platform';
import { PaymentModule } from './payment.module.js';

await bootstrap({ service: 'payment', module: (host) => PaymentModule.forRoot(host) });
