/**
 * The inventory service: its participant, its store and what it tells, wired over the platform's part.
 * The stock is opened BEFORE anything asks for the store, so no command ever meets an empty shop.
 */
import {
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { SagamoreModule, Service, type Config, type Host } from '@sagamore/platform';
import { Bus, Clock, Database } from '@sagamore/runtime';
import { catalogue, type Product } from './catalogue.js';
import { InventoryParticipant } from './inventory.participant.js';
import { StockStore } from './inventory.store.js';
import { Stock1800000000000 } from './migrations/1800000000000-stock.js';
import { StockHold1800000100000 } from './migrations/1800000100000-stock-hold.js';
import { StockAnnouncer } from './stock.announcer.js';

const migrations = [Stock1800000000000, StockHold1800000100000];

@Module({})
export class InventoryModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(private readonly announcer: StockAnnouncer) {}

  /** One inventory in `host`, with a database of its own. */
  static forRoot(host: Host): DynamicModule {
    const products = productsOf(host.config);
    return {
      module: InventoryModule,
      imports: [SagamoreModule.forService({ host, service: 'inventory', migrations })],
      controllers: [InventoryParticipant],
      providers: [
        {
          provide: StockStore,
          inject: [Database],
          useFactory: async (database: Database) => {
            const store = new StockStore(database);
            await store.open(products);
            return store;
          },
        },
        {
          provide: StockAnnouncer,
          inject: [StockStore, Database, Bus, Clock, Service],
          useFactory: (
            stock: StockStore,
            database: Database,
            bus: Bus,
            clock: Clock,
            { instance, log }: Service,
          ) =>
            new StockAnnouncer({
              stock,
              bus,
              clock,
              products,
              instance,
              now: () => database.now(),
              onFailure: (error) => log.warn('the stock could not be told, trying again', { error }),
            }),
        },
      ],
    };
  }

  // Not awaited: a broker that is away must not keep the service from starting.
  onApplicationBootstrap(): void {
    void this.announcer.start();
  }

  onApplicationShutdown(): void {
    this.announcer.stop();
  }
}

function productsOf({ catalogueSize, initialStock }: Config): readonly Product[] {
  return catalogue({ size: catalogueSize, initialStock });
}
