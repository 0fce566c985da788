/**
 * The orchestrator: the transactions it can run, and the operators' door to them.
 */
import { CoordinatorModule, type Host } from '@sagamore/platform';
import { sagaProtocol, tccProtocol, twoPhaseCommitProtocol, type Protocol } from '@sagamore/engine';
import { Module, type DynamicModule } from '@nestjs/common';
import { LockController } from './lock.controller.js';
import { OperatorController } from './operator.controller.js';
import { OperatorService } from './operator.service.js';
import { placeOrderTcc } from './transactions/place-order.tcc.js';
import { placeOrderTwoPhaseCommit } from './transactions/place-order.two-phase-commit.js';
import { placeOrder } from './transactions/place-order.saga.js';
import { WishesController } from './wishes.controller.js';

/** The example's own. An order's row goes with its transaction, so nobody but the order service starts one: it declares
 *  no schema for its input. */
const examples: readonly Protocol[] = [
  sagaProtocol(placeOrder),
  tccProtocol(placeOrderTcc),
  twoPhaseCommitProtocol(placeOrderTwoPhaseCommit),
];

@Module({})
export class OrchestratorModule {
  static forRoot(host: Host, protocols: readonly Protocol[] = examples): DynamicModule {
    return {
      module: OrchestratorModule,
      imports: [CoordinatorModule.forRoot({ host, protocols })],
      controllers: [LockController, OperatorController, WishesController],
      providers: [OperatorService],
    };
  }
}
