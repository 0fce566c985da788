/**
 * The orchestrator: the transactions it can run, and the operators' door to them.
 */
import { CoordinatorModule, type Host } from '@sagamore/platform';
import { sagaProtocol } from '@sagamore/engine';
import { Module, type DynamicModule } from '@nestjs/common';
import { LockController } from './lock.controller.js';
import { OperatorController } from './operator.controller.js';
import { OperatorService } from './operator.service.js';
import { placeOrder } from './transactions/place-order.saga.js';

@Module({})
export class OrchestratorModule {
  static forRoot(host: Host): DynamicModule {
    return {
      module: OrchestratorModule,
      imports: [CoordinatorModule.forRoot({ host, protocols: [sagaProtocol(placeOrder)] })],
      controllers: [LockController, OperatorController],
      providers: [OperatorService],
    };
  }
}
