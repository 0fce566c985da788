/**
 * The pauses of a service's consumers, where every process of the service sees them and a restart finds them. Words and a port
 * alone: who obeys them, and when, lies in `consumers.ts`.
 */

/** What a service reads: a topic, as one group. All members of the group, in all processes, are one consumer. */
export interface ConsumerName {
  readonly topic: string;
  readonly group: string;
}

/** Who wants a consumer paused or resumed, and why. */
export interface ConsumerWish extends ConsumerName {
  readonly actor: string;
  readonly reason: string;
}

/** A pause that stands, as it was first asked for. `since`: ms of the store's clock. */
export interface ConsumerPause extends ConsumerWish {
  readonly since: number;
}

/** Kept in the service's own store. One that has ended stays there with who ended it, when and why (I41). */
export abstract class ConsumerPauses {
  /** Those that stand now. */
  abstract standing(): Promise<readonly ConsumerPause[]>;
  /** Answers the pause that stands AFTER it: of any number of wishes the first counts. Idempotent. */
  abstract pause(wish: ConsumerWish): Promise<ConsumerPause>;
  /** Answers the pause that it has ended; undefined where none stood. Idempotent. */
  abstract resume(wish: ConsumerWish): Promise<ConsumerPause | undefined>;
}
