/**
 * The payment service: its participant, its ledger and its line to the card network, wired over the platform's part.
 */
import { Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { SagamoreModule, ServiceMetrics, type Host } from '@sagamore/platform';
import { Fault, type CircuitBreakerOptions } from '@sagamore/resilience';
import { Database } from '@sagamore/runtime';
import { CardNetwork, HttpCardNetwork } from './card-network.client.js';
import { Ledger1800000000000 } from './migrations/1800000000000-ledger.js';
import { LedgerHold1800000100000 } from './migrations/1800000100000-ledger-hold.js';
import { PaymentHoldParticipant } from './payment-hold.participant.js';
import { PaymentParticipant } from './payment.participant.js';
import { LedgerStore } from './payment.store.js';

/** What may stand in for the real thing. */
export interface PaymentOverrides {
  /** Instead of the card network at `CARD_NETWORK_URL`. */
  readonly cardNetwork?: CardNetwork;
}

const migrations = [Ledger1800000000000, LedgerHold1800000100000];

@Module({})
export class PaymentModule implements OnApplicationShutdown {
  constructor(
    private readonly cardNetwork: CardNetwork,
    metrics: ServiceMetrics,
  ) {
    if (cardNetwork instanceof HttpCardNetwork) metrics.watchCircuits(() => cardNetwork.circuits);
  }

  /** One payment service in `host`, with a database of its own. Throws `CONFIGURATION_INVALID` without a card network. */
  static forRoot(host: Host, { cardNetwork = networkOf(host) }: PaymentOverrides = {}): DynamicModule {
    return {
      module: PaymentModule,
      imports: [SagamoreModule.forService({ host, service: 'payment', migrations })],
      controllers: [PaymentParticipant, PaymentHoldParticipant],
      providers: [
        { provide: CardNetwork, useValue: cardNetwork },
        {
          provide: LedgerStore,
          inject: [Database],
          useFactory: (database: Database) => new LedgerStore(database),
        },
      ],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.cardNetwork.stop();
  }
}

function networkOf({ config, log }: Host): CardNetwork {
  const { cardNetworkUrl: url, providerTimeoutMs: timeoutMs } = config;
  const circuit: CircuitBreakerOptions = {
    ...config.circuit,
    onState: (name, state) => log.warn('a circuit changed its state', { circuit: name, state }),
  };
  if (url !== undefined) return new HttpCardNetwork({ url, timeoutMs, circuit });
  throw new Fault('CONFIGURATION_INVALID', 'CARD_NETWORK_URL: payment needs it, found nothing', {
    retryable: false,
  });
}
