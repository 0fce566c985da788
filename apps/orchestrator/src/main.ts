/** Starts the orchestrator as a process of its own. */
import { bootstrap } from '@sagamore/platform';
import { OrchestratorModule } from './orchestrator.module.js';

await bootstrap({ service: 'orchestrator', module: (host) => OrchestratorModule.forRoot(host) });
