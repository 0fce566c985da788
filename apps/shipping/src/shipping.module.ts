/**
 * The shipping service: its participant, its shipments and its line to the carrier, wired over the platform's part.
 */
import { Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { SagamoreModule, ServiceMetrics, type Host } from '@sagamore/platform';
import { Fault, type CircuitBreakerOptions } from '@sagamore/resilience';
import { Database } from '@sagamore/runtime';
import { Carrier, HttpCarrier } from './carrier.client.js';
import { Shipment1800000000000 } from './migrations/1800000000000-shipment.js';
import { ShipmentHold1800000100000 } from './migrations/1800000100000-shipment-hold.js';
import { ShippingHoldParticipant } from './shipping-hold.participant.js';
import { ShippingParticipant } from './shipping.participant.js';
import { ShipmentStore } from './shipping.store.js';

/** What may stand in for the real thing. */
export interface ShippingOverrides {
  /** Instead of the carrier at `CARRIER_URL`. */
  readonly carrier?: Carrier;
}

const migrations = [Shipment1800000000000, ShipmentHold1800000100000];

@Module({})
export class ShippingModule implements OnApplicationShutdown {
  constructor(
    private readonly carrier: Carrier,
    metrics: ServiceMetrics,
  ) {
    if (carrier instanceof HttpCarrier) metrics.watchCircuits(() => carrier.circuits);
  }

  /** One shipping service in `host`, with a database of its own. Throws `CONFIGURATION_INVALID` without a carrier. */
  static forRoot(host: Host, { carrier = carrierOf(host) }: ShippingOverrides = {}): DynamicModule {
    return {
      module: ShippingModule,
      imports: [SagamoreModule.forService({ host, service: 'shipping', migrations })],
      controllers: [ShippingParticipant, ShippingHoldParticipant],
      providers: [
        { provide: Carrier, useValue: carrier },
        {
          provide: ShipmentStore,
          inject: [Database],
          useFactory: (database: Database) => new ShipmentStore(database),
        },
      ],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.carrier.stop();
  }
}

function carrierOf({ config, log }: Host): Carrier {
  const { carrierUrl: url, providerTimeoutMs: timeoutMs } = config;
  const circuit: CircuitBreakerOptions = {
    ...config.circuit,
    onState: (name, state) => log.warn('a circuit changed its state', { circuit: name, state }),
  };
  if (url !== undefined) return new HttpCarrier({ url, timeoutMs, circuit });
  throw new Fault('CONFIGURATION_INVALID', 'CARRIER_URL: shipping needs it, found nothing', {
    retryable: false,
  });
}
