/**
 * What runs in a process of the simulated world, by the role it plays: the same classes as in production, each over
 * ports that may fail. A role that dies is booted again over the same stores under a new name.
 */
import { MemoryBarrier, MemoryIntents, MemoryJournal, MemoryOutbox, MemoryTrials } from '@sagamore/memory';
import { seededRandom } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import { Coordinator, Definitions, OutboxRelay, Participant, type Journal } from '@sagamore/runtime';
import { HostClock, HostDatabase } from './host-ports.js';
import type { Host } from './host.js';
import { HostBus } from './network.js';
import { protocolsWith, type Pricing } from './order-in-parts.js';
import { handlersOf } from './services.js';
import type { World } from './world.js';
import { WatchedBus } from './watched-bus.js';
import { WatchedJournal } from './watched-journal.js';

/** Two coordinators share the shards; payment runs twice, so that two processes meet over one charge. */
export const roles = [
  'orchestrator-a',
  'orchestrator-b',
  'stock',
  'payment-a',
  'payment-b',
  'parcel',
  'orders',
];

/** So narrow that a world of some orders fills it, and so nervous that a short absence opens a breaker. */
const narrow = {
  outstandingMax: 5,
  keptForUndo: 2,
  failuresToOpen: 3,
  resetMs: 700,
  trialsMax: 2,
  rampPerSecond: 20,
  rampMs: 2_000,
};

/** Calls to the outside that one process makes at the same time. */
export const callsMax = 2;

/** A process and what a person or a client may ask of it. */
export interface Running {
  readonly role: string;
  readonly host: Host;
  readonly database: HostDatabase;
  readonly relay: OutboxRelay;
  readonly coordinator?: Coordinator;
  readonly journal?: Journal;
}

/** Starts a process. Whatever it begins ends with its host. */
export function boot(role: string, host: Host, world: World): Running {
  const service = role.replace(/-[ab]$/, '');
  const database = new HostDatabase(host, service, world.store(service));
  const bus = new HostBus(host, world.network);
  const clock = new HostClock(host);
  const outbox = new MemoryOutbox(database, { claimMs: 700 });
  const onFault = () => world.count('faults survived');
  const relay = new OutboxRelay(outbox, bus, clock, {
    owner: host.name,
    claimMs: 700,
    sweepMs: 300,
    batchMax: 3,
    pendingMax: 5,
    onFault,
  });
  relay.start();
  const running = { role, host, database, relay };
  return service === 'orchestrator'
    ? { ...running, ...coordinate(running, { outbox, bus, clock, world }) }
    : participate(running, { service, bus, clock, world });
}

interface CoordinateOptions {
  readonly outbox: MemoryOutbox;
  readonly bus: HostBus;
  readonly clock: HostClock;
  readonly world: World;
}

function coordinate(
  { host, database, relay }: Running,
  { outbox, bus, clock, world }: CoordinateOptions,
): Pick<Running, 'coordinator' | 'journal'> {
  const plain = new MemoryJournal(database, outbox);
  const { sabotage } = world;
  const journal = new WatchedJournal(sabotage.journal?.(plain) ?? plain, database, world);
  const watched = new WatchedBus(sabotage.bus?.(bus) ?? bus, {
    trialsMax: narrow.trialsMax,
    resetMs: narrow.resetMs,
    now: () => journal.now(),
    watcher: world,
  });
  const coordinator = new Coordinator(
    {
      journal,
      relay,
      bus: watched,
      clock,
      random: seededRandom(hashOf(host.name) ^ world.seed),
      trials: new MemoryTrials(database),
    },
    {
      owner: host.name,
      definitions: new Definitions(protocolsWith(pricingOf(host, clock, world))),
      shardCount: world.shardCount,
      takeoverBatch: 3,
      takeoverGraceMs: 300,
      wishSweepMs: 1_500,
      window: narrow,
      watchMs: 400,
      hooks: {
        onFault: () => world.count('faults survived'),
        onBreaker: (participant, phase) => watched.hear(participant, phase),
        onLate: (count) => world.count('late', count),
        // Every participant here keeps a barrier, so nothing can take effect behind its undo.
        onLateReply: ({ transactionId, branchId, meaning }) => {
          if (meaning === 'needs-undo')
            world.problems.push(`I14: ${transactionId} ${branchId} needs an undo`);
          else world.count(`late replies: ${meaning}`);
        },
        onStray: ({ transactionId, finding }) =>
          world.problems.push(`I38: ${transactionId} is found ${finding}`),
        onBug: (id, error) => world.problems.push(`bug: ${id} ${String(error)}`),
      },
    },
  );
  void coordinator.start();
  return { coordinator, journal };
}

/** What a coordinator does for an order itself: now and then slow, or out of order for a moment, and at least once. */
function pricingOf({ base: { faults } }: Host, clock: HostClock, world: World): Pricing {
  const takeTime = async (what: string): Promise<void> => {
    world.count(what);
    if (faults.strikes(faults.plan.providerSlowShare, 'slow outside', `${what} is slow`))
      await new Promise<void>((resolve) => void clock.after(faults.ms(50, 1_500), resolve));
    if (faults.strikes(faults.plan.providerAwayShare, 'outside away', `${what} fails`))
      throw new Fault('PROVIDER_UNAVAILABLE', 'no price can be had', { retryable: true });
  };
  return {
    price: async ({ units }) => {
      await takeTime('priced');
      return units;
    },
    unprice: () => takeTime('unpriced'),
  };
}

interface ParticipateOptions {
  readonly service: string;
  readonly bus: HostBus;
  readonly clock: HostClock;
  readonly world: World;
}

function participate(running: Running, { service, bus, clock, world }: ParticipateOptions): Running {
  const { host, database } = running;
  const { sabotage } = world;
  const plain = new MemoryBarrier();
  const participant = new Participant(
    {
      database,
      barrier: sabotage.barrier?.(plain) ?? plain,
      intents: new MemoryIntents(database),
      bus,
      clock,
    },
    {
      service,
      owner: host.name,
      handlers: handlersOf(service, host, world.outside).map((each) => sabotage.handler?.(each) ?? each),
      callsMax,
      claimMs: 1_200,
      triesMax: 2,
      pauseMs: 30,
      sweepMs: 300,
      undoPatienceMs: 600,
      onFault: () => world.count('faults survived'),
    },
  );
  void participant.start();
  return running;
}

function hashOf(name: string): number {
  let hash = 7;
  for (const letter of name) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0;
  return hash;
}
