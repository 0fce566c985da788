/**
 * What runs in a process of an atomic world: the same classes as in production, over ports that may fail. That a decision
 * stands in the journal before it is carried out is looked at here, at the moment when it is (I20).
 */
import {
  MemoryBarrier,
  MemoryIntents,
  MemoryJournal,
  MemoryOutbox,
  MemoryPrepared,
  type MemoryDatabase,
} from '@sagamore/memory';
import type { TransactionEvent } from '@sagamore/engine';
import { seededRandom } from '@sagamore/primitives';
import { Coordinator, Definitions, OutboxRelay, Participant, TwoPhaseSender } from '@sagamore/runtime';
import type { Host } from '../host.js';
import { HostClock, HostDatabase } from '../host-ports.js';
import { HostBus } from '../network.js';
import { protocols } from './definitions.js';
import { handlersOf } from './services.js';
import type { AtomicWorld } from './world.js';

/** Two coordinators share the shards. */
export const roles = ['orchestrator-a', 'orchestrator-b', 'stock', 'ledger', 'card'];

export interface Process {
  readonly role: string;
  readonly host: Host;
  readonly sender?: TwoPhaseSender;
}

/** Starts a process. Whatever it begins ends with its host. */
export function boot(role: string, host: Host, world: AtomicWorld): Process {
  const service = role.replace(/-[ab]$/, '');
  const parts = {
    service,
    database: new HostDatabase(host, service, world.store(service)),
    bus: new HostBus(host, world.network),
    clock: new HostClock(host),
  };
  return service === 'orchestrator'
    ? coordinate({ role, host }, parts, world)
    : participate({ role, host }, parts, world);
}

interface Parts {
  readonly service: string;
  readonly database: HostDatabase;
  readonly bus: HostBus;
  readonly clock: HostClock;
}

function coordinate(process: Process, { database, bus, clock }: Parts, world: AtomicWorld): Process {
  const { name: owner } = process.host;
  const outbox = new MemoryOutbox(database, { claimMs: 700 });
  const onFault = () => world.count('faults survived');
  const relay = new OutboxRelay(outbox, bus, clock, { owner, claimMs: 700, sweepMs: 300, onFault });
  relay.start();
  const journal = new MemoryJournal(database, outbox);
  const coordinator = new Coordinator(
    { journal, relay, bus, clock, random: seededRandom(world.seed ^ owner.length) },
    {
      owner,
      definitions: new Definitions(protocols),
      shardCount: world.shardCount,
      takeoverBatch: 3,
      takeoverGraceMs: 300,
      // A participant that was left alone is tried again well within the time that a healed world has to come to rest.
      window: { resetMs: 2_000 },
      watchMs: 400,
      hooks: {
        onFault,
        onStray: ({ transactionId, finding }) =>
          world.problems.push(`I38: ${transactionId} is found ${finding}`),
        onBug: (id, error) => world.problems.push(`bug: ${id} ${String(error)}`),
      },
    },
  );
  void coordinator.start();
  return process;
}

function participate(process: Process, parts: Parts, world: AtomicWorld): Process {
  const { service, database, bus, clock } = parts;
  const { host } = process;
  const plain = new MemoryBarrier();
  const barrier = world.sabotage.barrier?.(service, plain) ?? plain;
  const watched = new WatchedPrepared(database, world);
  const prepared = world.sabotage.prepared?.(watched, clock) ?? watched;
  const onFault = () => world.count('faults survived');
  const participant = new Participant(
    { database, barrier, intents: new MemoryIntents(database), prepared, bus, clock },
    {
      service,
      owner: host.name,
      shardCount: world.shardCount,
      doubtAfterMs: 500,
      handlers: handlersOf(service, { host, barrier, cards: world.cards }),
      callsMax: 2,
      claimMs: 1_200,
      triesMax: 2,
      pauseMs: 30,
      sweepMs: 300,
      undoPatienceMs: 600,
      onFault,
      onInDoubt: ({ length }) => world.count('looks at doubt', length),
      onAlarm: ({ id }) => world.problems.push(`S12, S71: an alarm over ${id}`),
    },
  );
  void participant.start();
  const { shardCount } = world;
  const sender = new TwoPhaseSender({ database, barrier, bus }, { service, shardCount, onFault });
  return { ...process, sender };
}

class WatchedPrepared extends MemoryPrepared {
  constructor(
    database: MemoryDatabase,
    private readonly world: AtomicWorld,
  ) {
    super(database, { lockTimeoutMs: 400 });
  }

  protected override settle(operation: 'commit' | 'rollback', gid: string): Promise<boolean> {
    const [, transactionId = ''] = gid.split(':');
    if (operation === 'commit' && !this.isDecided(transactionId))
      this.world.problems.push(`I20: ${gid} is committed before a decision stands`);
    return super.settle(operation, gid);
  }

  private isDecided(transactionId: string): boolean {
    return this.world
      .store('orchestrator')
      .committed<{ readonly event: TransactionEvent }>('journal')
      .some(
        ([key, { event }]) =>
          key.startsWith(transactionId) && event.type === 'decided' && event.decision === 'commit',
      );
  }
}
