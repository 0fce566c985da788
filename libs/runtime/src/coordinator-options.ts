/**
 * What a coordinator is made of and may be told at its making: ports, bounds and hooks, with what holds where nothing is
 * said. It holds no behaviour.
 */
import type { TransactionId } from '@sagamore/engine';
import type { Random } from '@sagamore/primitives';
import type { Breaker } from '@sagamore/resilience';
import type { Rested, Saved } from './decision-writer.js';
import type { Definitions } from './definitions.js';
import { traceparentOf, type TraceContext } from './message.js';
import type { OutboxRelay } from './outbox-relay.js';
import type { WindowPolicy } from './participant-window.js';
import type { Bus, Clock, Journal, ParticipantCalls, Shard, StoredLateReply } from './ports.js';
import type { Trials } from './trials.js';
import type { Stray } from './watchdog.js';

export interface CoordinatorPorts {
  readonly journal: Journal;
  readonly relay: OutboxRelay;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  /** Needed where a definition has participants that are called. */
  readonly calls?: ParticipantCalls;
  /** Which process tries a participant that was left alone. Default: each by itself. */
  readonly trials?: Trials;
}

export interface CoordinatorOptions {
  /** This process, as shard rows and claims name it. */
  readonly owner: string;
  readonly definitions: Definitions;
  /** Partitions of `orchestrator.inbox`; stored the first time, and a silent change is refused (R14). */
  readonly shardCount: number;
  /** Transactions loaded and resumed at one time when a shard is taken. Default 500. */
  readonly takeoverBatch?: number;
  /** How long after a takeover an attempt that was sent again is given at least, ms. Default 5 000. */
  readonly takeoverGraceMs?: number;
  /** Pause between looks for wishes on which nobody acted, ms; a third of it is the age at which one counts. Default
   *  30 000. */
  readonly wishSweepMs?: number;
  /** Pause between two looks of the watchdog at a page of what moves, ms. Default 5 000. */
  readonly watchMs?: number;
  /** Pause between looks at the queues of locks in which transactions of ours stand, ms; a change that is known of is
   *  looked at once. Default 1 000. */
  readonly lockLookMs?: number;
  /** Local functions that run at the same time. Default 16. */
  readonly localsMax?: number;
  /** What only waits, and longer than this, leaves memory until it falls due, ms. Default 60 000; at least 10 000. */
  readonly evictAfterMs?: number;
  /** Of those that left memory, how many come back in a second when many fall due at once. Default 1 000. */
  readonly wakesPerSecond?: number;
  /** What commands and facts carry for traces. Default: that they belong to their transaction. */
  readonly traceparent?: TraceContext;
  /** How long a reply waits for the start of its transaction, before the ledger takes it, ms. Default 5 000. */
  readonly lateGraceMs?: number;
  /** Calls to one participant at the same time; undos and probes have as many places again. Default 10. */
  readonly callsMax?: number;
  /** What may be on its way to each participant that is sent messages. Default: `defaultWindow`. */
  readonly window?: Partial<WindowPolicy>;
  readonly hooks?: CoordinatorHooks;
}

/** Telemetry reaches the coordinator as hooks, and it waits for none of them (R25). */
export interface CoordinatorHooks {
  readonly onFault?: (error: unknown) => void;
  readonly onBug?: (transactionId: TransactionId, error: unknown) => void;
  readonly onShards?: (held: readonly Shard[]) => void;
  /** A reply or timer for a transaction at rest: counted, never obeyed (S35). */
  readonly onLate?: (count: number) => void;
  /** A reply that a person must look at came after its decision; told once (S17, S95). */
  readonly onLateReply?: (reply: StoredLateReply) => void;
  readonly onBatch?: (transactions: number) => void;
  /** What a batch has done, AFTER its commit, a batch at a time. `at`: ms of the store's clock. It must not throw. */
  readonly onSaved?: (saved: readonly Saved[], at: number) => void;
  /** Transactions that have come to rest, AFTER the commit that says so: ended, or parked. */
  readonly onRest?: (rested: readonly Rested[]) => void;
  /** Wishes and starts that a look has found, because the messages that hint at them never came (S57). */
  readonly onHintsLost?: (count: number) => void;
  /** A moving transaction that nobody had in hand was found. */
  readonly onStray?: (stray: Stray) => void;
  /** The breaker of a participant that is sent messages has changed. */
  readonly onBreaker?: (participant: string, phase: Breaker['phase']) => void;
}

/** Documented in the concept page of resilience, with why. */
export const defaultWindow: WindowPolicy = {
  outstandingMax: 2_000,
  keptForUndo: 400,
  ageingMs: 1_000,
  failuresToOpen: 5,
  resetMs: 60_000,
  trialsMax: 3,
  rampPerSecond: 100,
  rampMs: 10_000,
};

const defaults = {
  takeoverBatch: 500,
  takeoverGraceMs: 5_000,
  wishSweepMs: 30_000,
  watchMs: 5_000,
  lockLookMs: 1_000,
  localsMax: 16,
  evictAfterMs: 60_000,
  wakesPerSecond: 1_000,
  callsMax: 10,
  lateGraceMs: 5_000,
  traceparent: traceparentOf as TraceContext,
};

type Settled = Required<Omit<CoordinatorOptions, 'hooks' | 'window'>> & {
  readonly hooks: Required<CoordinatorHooks>;
  readonly window: WindowPolicy;
};

/** The options with their defaults, and a hook for everything. */
export function settled({ hooks, window, ...options }: CoordinatorOptions): Settled {
  return { ...defaults, ...options, window: { ...defaultWindow, ...window }, hooks: listening(hooks) };
}

function listening(hooks: CoordinatorHooks = {}): Required<CoordinatorHooks> {
  const nothing = (): void => {};
  const deaf = {
    onFault: nothing,
    onBug: nothing,
    onShards: nothing,
    onLate: nothing,
    onLateReply: nothing,
    onBatch: nothing,
    onSaved: nothing,
    onRest: nothing,
    onBreaker: nothing,
    onStray: nothing,
    onHintsLost: nothing,
  };
  return { ...deaf, ...hooks };
}
