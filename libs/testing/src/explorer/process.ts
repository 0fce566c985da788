/**
 * What runs in a process of an explored run: the real coordinator and the real participant over ports in memory, or a
 * service of the user's own. Each may die around every commit and every message; it is booted again over the same store.
 */
import { sagaProtocol } from '@sagamore/engine';
import { MemoryBarrier, MemoryIntents, MemoryJournal, MemoryOutbox } from '@sagamore/memory';
import { seededRandom } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import { Coordinator, Definitions, Door, OutboxRelay, Participant, type Handler } from '@sagamore/runtime';
import type { Host } from '../world/host.js';
import { HttpCalls } from './http-service.js';
import { sagasOf } from './mistake.js';
import { PatientClock } from './patient-clock.js';
import { ProcessDatabase } from './process-database.js';
import type { Stage } from './stage.js';
import { WiredBus, type Desk } from './wire.js';

/** The role of the one process that decides. */
export const orchestrator = 'orchestrator';

/** A process that is up. `door`: where people reach its transactions. */
export interface Running {
  readonly role: string;
  readonly host: Host;
  readonly database: ProcessDatabase;
  readonly desk: Desk;
  readonly door?: Door;
}

interface Ports {
  readonly bus: WiredBus;
  readonly clock: PatientClock;
}

/** Silence of a participant is explored, not taken for an illness: no breaker ever opens. */
const window = { failuresToOpen: 1_000_000 };

/** Starts a process. Whatever it begins ends with its host. */
export function boot(role: string, host: Host, stage: Stage): Running {
  const desk: Desk = {};
  const database = new ProcessDatabase(host, stage.store(role), stage.names, desk);
  const ports = {
    bus: new WiredBus(host, stage.wire, stage.names, desk),
    clock: new PatientClock(host, stage),
  };
  const running = { role, host, database, desk };
  if (role === orchestrator) return { ...running, door: coordinate(running, ports, stage) };
  const service = stage.cast.services[role];
  if (service === undefined) throw new TypeError(`${role} is none of the services`);
  if ('handlers' in service) participate(running, ports, service.handlers, stage);
  else if ('start' in service)
    void Promise.resolve(service.start({ ...ports, database })).catch((error: unknown) =>
      tell(stage, role, error),
    );
  return running;
}

function coordinate({ host, database }: Running, { bus, clock }: Ports, stage: Stage): Door {
  const owner = host.name;
  const outbox = new MemoryOutbox(database, { claimMs: 700 });
  const journal = new MemoryJournal(database, outbox);
  const onFault = (error: unknown) => tell(stage, orchestrator, error);
  const relay = new OutboxRelay(outbox, bus, clock, { owner, claimMs: 700, sweepMs: 300, onFault });
  const definitions = new Definitions(sagasOf(stage.definition).map((each) => sagaProtocol(each)));
  const calls = new HttpCalls(host, stage);
  const coordinator = new Coordinator(
    { journal, relay, bus, clock, random: seededRandom(1), calls },
    {
      owner,
      definitions,
      shardCount: 1,
      takeoverGraceMs: 300,
      window,
      hooks: {
        onFault,
        onBug: (_id, error) => stage.problem(`the definition itself threw: ${String(error)}`),
      },
    },
  );
  relay.start();
  void coordinator.start();
  return new Door({ journal, definitions, relay }, { owner, shards: 1 });
}

function participate(
  { role: service, host, database }: Running,
  ports: Ports,
  handlers: readonly Handler[],
  stage: Stage,
): void {
  const participant = new Participant(
    { ...ports, database, barrier: new MemoryBarrier(), intents: new MemoryIntents(database) },
    {
      service,
      owner: host.name,
      handlers,
      claimMs: 1_200,
      triesMax: 2,
      pauseMs: 30,
      sweepMs: 300,
      undoPatienceMs: 600,
      onFault: (error) => tell(stage, service, error),
    },
  );
  void participant.start();
}

/** What a process survives by itself is no finding; it stands in the story, where its reader needs it. */
function tell(stage: Stage, role: string, error: unknown): void {
  const isExpected = error instanceof Fault && error.code === 'SHARD_LEASE_LOST';
  if (!isExpected) stage.note(`${role} survives: ${error instanceof Error ? error.message : String(error)}`);
}
