/**
 * Every service side by side in one application. Nothing a service module provides is global, so each keeps its own
 * database, settings and participants; one HTTP server serves their routes, one bus carries their messages.
 */
import { InventoryModule } from '@sagamore/inventory';
import { OrchestratorModule } from '@sagamore/orchestrator';
import { OrderModule } from '@sagamore/order';
import { PaymentModule } from '@sagamore/payment';
import type { Host } from '@sagamore/platform';
import { ShippingModule } from '@sagamore/shipping';
import { Module, type DynamicModule } from '@nestjs/common';

/** In-process stand-ins for the outside world, where a bench must not pay for HTTP. */
export interface Providers {
  readonly payment?: Parameters<typeof PaymentModule.forRoot>[1];
  readonly shipping?: Parameters<typeof ShippingModule.forRoot>[1];
}

@Module({})
export class LocalModule {
  static forRoot(host: Host, { payment, shipping }: Providers = {}): DynamicModule {
    return {
      module: LocalModule,
      imports: [
        InventoryModule.forRoot(host),
        PaymentModule.forRoot(host, payment),
        ShippingModule.forRoot(host, shipping),
        OrderModule.forRoot(host),
        OrchestratorModule.forRoot(host),
      ],
    };
  }
}
