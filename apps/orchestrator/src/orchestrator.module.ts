/**
 * The orchestrator: the transactions it can run, and the operators' door to them.
 */
import { CoordinatorModule, type Host } from '@sagamore/platform';
import type { Protocol } from '@sagamore/engine';
import { Module, type DynamicModule } from '@nestjs/common';
import { DeadLetterController } from './dead-letter.controller.js';
import { InDoubtController } from './in-doubt.controller.js';
import { BulkController } from './bulk.controller.js';
import { LockController } from './lock.controller.js';
import { OperatorController } from './operator.controller.js';
import { OperatorService } from './operator.service.js';
import { ScheduleController } from './schedule.controller.js';
import { StrayController } from './stray.controller.js';
import { protocolsFor } from './transactions/transactions.js';
import { WishesController } from './wishes.controller.js';

@Module({})
export class OrchestratorModule {
  /** With the example's own transactions where no others are given. */
  static forRoot(host: Host, protocols: readonly Protocol[] = protocolsFor(host.config)): DynamicModule {
    return {
      module: OrchestratorModule,
      imports: [CoordinatorModule.forRoot({ host, protocols })],
      controllers: [
        DeadLetterController,
        InDoubtController,
        LockController,
        OperatorController,
        ScheduleController,
        StrayController,
        WishesController,
        BulkController,
      ],
      providers: [OperatorService],
    };
  }
}
