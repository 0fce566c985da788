/**
 * The definitions that this orchestrator can run, and how a stored transaction is replayed under the one it began with.
 * Pure. It never runs a transaction under another version than its own: the road behind it would not be its road.
 */
import {
  type Operation,
  presumedAbortProtocol,
  type Parent,
  type Protocol,
  type ProtocolCommand,
  type Reply,
  type Standing,
  type Start,
  type Transition,
} from '@sagamore/engine';
import type { LiveTransaction } from './decision.js';
import type { StoredTransaction, TransactionRecord } from './ports.js';

/** The definitions an orchestrator can run, by name and version; new transactions begin under the highest version. */
export class Definitions {
  private readonly byVersion = new Map<string, Protocol>();
  private readonly newest = new Map<string, Protocol>();

  constructor(protocols: readonly Protocol[]) {
    // Found by its rows alone: nothing begins under it by name.
    const { name, version } = presumedAbortProtocol;
    this.byVersion.set(`${name}@${version}`, presumedAbortProtocol);
    for (const protocol of protocols) {
      this.byVersion.set(`${protocol.name}@${protocol.version}`, protocol);
      const known = this.newest.get(protocol.name);
      if (known === undefined || known.version < protocol.version) this.newest.set(protocol.name, protocol);
    }
  }

  latest(name: string): Protocol | undefined {
    return this.newest.get(name);
  }

  exact(name: string, version: number): Protocol | undefined {
    return this.byVersion.get(`${name}@${version}`);
  }

  /** The operations whose participants are called, by their message types. */
  get called(): ReadonlyMap<string, Operation> {
    const operations = [...this.byVersion.values()].flatMap(({ called = [] }) => called);
    return new Map(operations.map((operation) => [operation.action, operation]));
  }

  get participants(): readonly string[] {
    return [...new Set([...this.byVersion.values()].flatMap(({ participants }) => participants))].sort();
  }
}

/** What the story of a transaction begins with. */
export function startOf({ transactionId, input, startedAt, parent }: TransactionRecord): Start {
  return { transactionId, input, at: startedAt, ...(parent !== undefined && { parent }) };
}

function recordOf(stored: StoredTransaction): TransactionRecord {
  const { transactionId, definition, version, shard, input, startedAt, parent } = stored;
  const record = { transactionId, definition, version, shard, input, startedAt };
  return parent === undefined ? record : { ...record, parent };
}

/** Replays a stored transaction to where it stands; undefined when its definition is not known here. Throws what the
 *  definition's own functions throw. */
export function revive(stored: StoredTransaction, definitions: Definitions): LiveTransaction | undefined {
  const record = recordOf(stored);
  const { events } = stored;
  const protocol = definitions.exact(record.definition, record.version);
  if (protocol === undefined) return undefined;
  let { state } = protocol.begin(startOf(record));
  for (const event of events) state = protocol.transition(state, event).state;
  const { dueAt } = stored;
  return { record, protocol, state, seq: events.length, ...(dueAt !== undefined && { dueAt }) };
}

/** A transaction that cannot be replayed here, for want of its definition or by a bug: it can only rest. */
export function shelved(stored: StoredTransaction): LiveTransaction {
  const record = recordOf(stored);
  const { status, phase, events } = stored;
  // In which direction it moves nobody here can tell.
  const standing = phase === 'moving' ? moving : phase === 'parked' ? parked : { status, phase };
  return { record, protocol: missing, state: { standing, parent: record.parent }, seq: events.length };
}

/** Whether a transaction cannot be run here. */
export function isShelved({ protocol }: Pick<LiveTransaction, 'protocol'>): boolean {
  return protocol === missing;
}

interface Shelf {
  readonly standing: Standing;
  readonly parent: Parent | undefined;
}

const moving: Standing = { status: 'executing', phase: 'moving' };
const parked = { status: 'parked', phase: 'parked', reason: { kind: 'no-handler' } } as const;

/** Stands in for a definition: of all that may happen, it knows how to rest, that somebody asked to go on, and what to say
 *  to a parent. The same events mean the same to the definition itself, once it is there and replays them. */
export const missing: Protocol<Shelf> = {
  kind: 'unknown',
  name: 'missing',
  version: 0,
  participants: [],
  begin: ({ parent }) => answering({ standing: moving, parent }),
  transition(state, event) {
    const { standing, parent } = state;
    if (event.type === 'operator-resumed' && standing === parked)
      return { state: { standing: moving, parent }, commands: [] };
    if (event.type === 'definition-missing' && standing.phase === 'moving') {
      const { reason } = parked;
      return {
        state: { standing: parked, parent },
        commands: [{ type: 'announce', outcome: 'parked', reason }],
      };
    }
    if (event.type !== 'parent-asked' || parent === undefined) return { state, commands: [] };
    const { operation, generation } = event;
    // An undo wakes what rests: so it does in the definition, which rests again only if it is told so again.
    const isWoken = operation === 'compensation' && standing === parked;
    return answering({
      standing: isWoken ? moving : standing,
      parent: { ...parent, operation, generation },
    });
  },
  outstanding: () => [],
  dueAt: () => undefined,
  standing: ({ standing }) => standing,
  retryOf: () => undefined,
  timeline: () => [],
};

/** Whoever waits for an end that may still come waits on; anybody else is told that it is blocked (S25). */
function answering(state: Shelf): Transition<Shelf, ProtocolCommand> {
  const { standing, parent } = state;
  if (parent === undefined) return { state, commands: [] };
  const mayEnd = standing.phase === 'moving' || standing.phase === 'parked';
  const reply = mayEnd && parent.operation === 'action' ? working : blocked;
  return { state, commands: [{ type: 'answer-parent', ...parent, reply }] };
}

const working: Reply = { outcome: 'in-progress' };
const blocked: Reply = {
  outcome: 'failed',
  failure: { code: 'CHILD_PARKED', message: 'the definition of a child saga is missing', retryable: false },
};
