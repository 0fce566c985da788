/**
 * Starts the order service as a process of its own. Its settings come from the environment; `bootstrap` alone reads them.
 */
import { bootstrap } from '@sagamore/platform';
import { OrderModule } from './order.module.js';

await bootstrap({ service: 'order', module: (host) => OrderModule.forRoot(host) });
