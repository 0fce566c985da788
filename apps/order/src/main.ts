/** Starts the order service as a process of its own; its settings come from the environment. */
import { bootstrap } from '@sagamore/platform';
import { OrderModule } from './order.module.js';

await bootstrap({ service: 'order', module: (host) => OrderModule.forRoot(host) });
