/**
 * The definitions that this orchestrator can run, and how a stored transaction is replayed under the one it began with.
 * Pure. It never runs a transaction under another version than its own: the road behind it would not be its road.
 */
import { presumedAbortProtocol, type Protocol } from '@sagamore/engine';
import type { LiveTransaction } from './decision.js';
import type { StoredTransaction } from './ports.js';

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

  get participants(): readonly string[] {
    return [...new Set([...this.byVersion.values()].flatMap(({ participants }) => participants))].sort();
  }
}

/** Replays a stored transaction to where it stands; undefined when its definition is not known here. Throws what the
 *  definition's own functions throw. */
export function revive(stored: StoredTransaction, definitions: Definitions): LiveTransaction | undefined {
  const { transactionId, definition, version, shard, input, startedAt, dueAt, events } = stored;
  const protocol = definitions.exact(definition, version);
  if (protocol === undefined) return undefined;
  let { state } = protocol.begin({ transactionId, input, at: startedAt });
  for (const event of events) state = protocol.transition(state, event).state;
  const record = { transactionId, definition, version, shard, input, startedAt };
  return { record, protocol, state, seq: events.length, ...(dueAt !== undefined && { dueAt }) };
}

/** A transaction that cannot be replayed here, for want of its definition or by a bug: it can only rest. */
export function shelved(stored: StoredTransaction): LiveTransaction {
  const { transactionId, definition, version, shard, input, startedAt, events, phase } = stored;
  const record = { transactionId, definition, version, shard, input, startedAt };
  return { record, protocol: missing, state: phase === 'parked' ? parked : moving, seq: events.length };
}

/** Whether a transaction cannot be run here. */
export function isShelved({ protocol }: LiveTransaction): boolean {
  return protocol === missing;
}

const moving = { status: 'executing', phase: 'moving' } as const;
const parked = { status: 'parked', phase: 'parked', reason: { kind: 'no-handler' } } as const;

/** Stands in for a definition: of all that may happen, it knows how to rest, and that somebody asked to go on. The same
 *  events mean the same to the definition itself, once it is there and replays them. */
const missing: Protocol = {
  name: 'missing',
  version: 0,
  participants: [],
  begin: () => ({ state: moving, commands: [] }),
  transition(state, event) {
    if (event.type === 'operator-resumed' && state === parked) return { state: moving, commands: [] };
    if (event.type !== 'definition-missing' || state === parked) return { state, commands: [] };
    const { reason } = parked;
    return { state: parked, commands: [{ type: 'announce', outcome: 'parked', reason }] };
  },
  outstanding: () => [],
  dueAt: () => undefined,
  standing: (state) => (state === parked ? parked : moving),
  retryOf: () => undefined,
  timeline: () => [],
};
