/**
 * The one door through which requests reach transactions: it starts them and brings wishes to them. Both are saved before
 * they are answered, and the owner of the shard alone acts (R13).
 */
import type { Definitions } from './definitions.js';
import type { OutboxRelay } from './outbox-relay.js';
import type { Journal } from './ports.js';
import { Starting, type StartAnswer, type StartRequest } from './starting.js';
import { Wishing, type Asked, type WishAnswer } from './wishing.js';

export interface DoorPorts {
  readonly journal: Journal;
  readonly definitions: Definitions;
  readonly relay: OutboxRelay;
}

export interface DoorOptions {
  /** The process whose relay publishes. */
  readonly owner: string;
  /** Partitions of `orchestrator.inbox` (R14). */
  readonly shards: number;
}

/** Any process that reads the journal may keep one; it holds nothing between calls. */
export class Door {
  private readonly starting: Starting;
  private readonly wishing: Wishing;

  constructor(ports: DoorPorts, options: DoorOptions) {
    this.starting = new Starting(ports, options);
    this.wishing = new Wishing(ports, options.owner);
  }

  /** Throws a `Fault` when the store cannot answer; the same call may then be made again with the same key. */
  start(request: StartRequest): Promise<StartAnswer> {
    return this.starting.start(request);
  }

  /** An accepted wish is durable and reaches the owner whatever the broker does; what comes of it the transaction's journal
   *  tells. Throws a `Fault` when the store cannot answer, or the transaction moves too fast to be judged. */
  wish(asked: Asked): Promise<WishAnswer> {
    return this.wishing.ask(asked);
  }
}
