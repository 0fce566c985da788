/**
 * The definitions that this orchestrator can run, and how a stored transaction is replayed under the one it began with.
 * Pure. It never runs a transaction under another version than its own: the road behind it would not be its road.
 */
import type { Protocol } from '@sagamore/engine';
import type { LiveTransaction } from './decision.js';
import type { StoredTransaction } from './ports.js';

/** The definitions an orchestrator can run, by name and version; new transactions begin under the highest version. */
export class Definitions {
  private readonly byVersion = new Map<string, Protocol>();
  private readonly newest = new Map<string, Protocol>();

  constructor(protocols: readonly Protocol[]) {
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

/** Replays a stored transaction to where it stands; undefined when its definition is not known here. */
export function revive(stored: StoredTransaction, definitions: Definitions): LiveTransaction | undefined {
  const { transactionId, definition, version, shard, input, startedAt, events } = stored;
  const protocol = definitions.exact(definition, version);
  if (protocol === undefined) return undefined;
  let { state } = protocol.begin({ transactionId, input, at: startedAt });
  for (const event of events) state = protocol.transition(state, event).state;
  const record = { transactionId, definition, version, shard, input, startedAt };
  return { record, protocol, state, seq: events.length };
}
