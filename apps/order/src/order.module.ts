/**
 * The order service, wired: which parts it has, what each is given, and in which order they start and stop.
 * The only face of this application. Nothing in it is global, so it can stand beside other services in one process.
 */
import {
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type OnModuleInit,
} from '@nestjs/common';
import { HealthChecks, SagamoreModule, Service, type Host } from '@sagamore/platform';
import { Bus, Clock, Database, eventTopic, OutboxRelay } from '@sagamore/runtime';
import { CatalogueProjection } from './catalogue.projection.js';
import { CatalogueStore } from './catalogue.store.js';
import { Order1800000000000 } from './migrations/1800000000000-order.js';
import { OrderProtocol1800000100000 } from './migrations/1800000100000-order-protocol.js';
import { OrderCancellation1800000200000 } from './migrations/1800000200000-order-cancellation.js';
import { OrderCancellationController } from './order-cancellation.controller.js';
import { OrderCancellation } from './order.cancellation.js';
import { CancellationStore } from './order.cancellation.store.js';
import { OrderParticipant } from './order.participant.js';
import { OrderReader } from './order.reader.js';
import { OrderService } from './order.service.js';
import { OrderStore } from './order.store.js';
import { OrderStreams } from './order.streams.js';
import { OrderWakeups } from './order.wakeups.js';
import { OrderWatchdog } from './order.watchdog.js';
import { OrdersController } from './orders.controller.js';
import { ProductsController } from './products.controller.js';

export { OrderService } from './order.service.js';

const migrations = [Order1800000000000, OrderProtocol1800000100000, OrderCancellation1800000200000];

@Module({})
export class OrderModule implements OnModuleInit, BeforeApplicationShutdown {
  constructor(
    private readonly service: Service,
    private readonly bus: Bus,
    private readonly catalogue: CatalogueProjection,
    private readonly wakeups: OrderWakeups,
    private readonly streams: OrderStreams,
    private readonly watchdog: OrderWatchdog,
    health: HealthChecks,
  ) {
    health.register('order catalogue', () => catalogue.healthy());
  }

  /** The service on `host`, with a database of its own. */
  static forRoot(host: Host): DynamicModule {
    return {
      module: OrderModule,
      imports: [SagamoreModule.forService({ host, service: 'order', migrations })],
      controllers: [OrdersController, OrderCancellationController, ProductsController, OrderParticipant],
      providers: providersOf(),
      exports: [OrderService],
    };
  }

  async onModuleInit(): Promise<void> {
    // Inventory may start later than we do: whoever is first makes its topic, and both make it alike.
    const { partitions } = this.service.config;
    await this.bus.ensureTopics([{ topic: eventTopic('inventory'), partitions }]);
    await this.catalogue.start();
    await this.wakeups.start();
    this.watchdog.start();
  }

  /** BEFORE the HTTP server closes: it waits for open answers, and streams and waits would never end by themselves. */
  async beforeApplicationShutdown(): Promise<void> {
    this.streams.stop();
    await Promise.all([this.wakeups.stop(), this.watchdog.stop(), this.catalogue.stop()]);
  }
}

function providersOf(): DynamicModule['providers'] & object {
  const onFault = (service: Service) => (error: unknown) =>
    service.log.warn('a fault was survived', { error });
  return [
    OrderStore,
    CatalogueStore,
    OrderReader,
    CancellationStore,
    {
      provide: CatalogueProjection,
      inject: [Database, CatalogueStore, Bus, Clock, Service],
      useFactory: (database: Database, store: CatalogueStore, bus: Bus, clock: Clock, service: Service) =>
        new CatalogueProjection({ database, store, bus, clock }, { onFault: onFault(service) }),
    },
    {
      provide: OrderService,
      inject: [Database, OrderStore, OutboxRelay, CatalogueProjection, Service],
      useFactory: (
        database: Database,
        orders: OrderStore,
        relay: OutboxRelay,
        catalogue: CatalogueProjection,
        { config }: Service,
      ) => new OrderService({ database, orders, relay, catalogue }, { shards: config.shards }),
    },
    {
      provide: OrderWakeups,
      inject: [Bus, Clock, OrderStore, Service],
      useFactory: (bus: Bus, clock: Clock, orders: OrderStore, service: Service) =>
        new OrderWakeups(
          { bus, clock, finals: (orderIds) => orders.finals(orderIds) },
          { instance: service.instance, onFault: onFault(service) },
        ),
    },
    {
      provide: OrderStreams,
      inject: [OrderWakeups, OrderReader, Clock],
      useFactory: (wakeups: OrderWakeups, reader: OrderReader, clock: Clock) =>
        new OrderStreams({ wakeups, clock, find: reader.find }),
    },
    {
      provide: OrderCancellation,
      inject: [Database, CancellationStore, OutboxRelay, Bus, Service],
      useFactory: (
        database: Database,
        wanted: CancellationStore,
        relay: OutboxRelay,
        bus: Bus,
        { config }: Service,
      ) => new OrderCancellation({ database, wanted, relay, bus }, { shards: config.shards }),
    },
    {
      provide: OrderWatchdog,
      inject: [OrderStore, Bus, Clock, Database, OrderCancellation, Service],
      useFactory: (
        orders: OrderStore,
        bus: Bus,
        clock: Clock,
        database: Database,
        cancellations: OrderCancellation,
        service: Service,
      ) =>
        new OrderWatchdog(
          { orders, bus, clock, cancellations, now: () => database.now() },
          { shards: service.config.shards, onFault: onFault(service) },
        ),
    },
  ];
}
