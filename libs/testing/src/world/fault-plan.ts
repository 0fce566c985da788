/**
 * The measure of each fault in one simulated world. Data only: `faults.ts` decides from it what happens when.
 */
import type { Random } from '@sagamore/primitives';
import { drawStorm, noStorm, type Outage, type Place, type Storm } from './storm.js';

/** A process that stands still and goes on later, taken for dead in between (R11). */
export interface Pause {
  readonly role: string;
  readonly atMs: number;
  readonly forMs: number;
}

/** Shares are chances in [0, 1) for each message, commit or call; instants are ms of the world's clock. */
export interface FaultPlan extends Storm {
  /** The instant at which everything is healed. */
  readonly untilMs: number;
  readonly dropShare: number;
  readonly repeatShare: number;
  readonly delayShare: number;
  readonly delayMsMax: number;
  /** Whether messages of one key may overtake each other, as those of a paused sender do. */
  readonly reorders: boolean;
  readonly crashShare: number;
  readonly crashesMax: number;
  /** The one point at which a process dies, whatever `crashShare` says; for exploring crash after crash. */
  readonly crashAt?: number;
  readonly commitUnknownShare: number;
  readonly conflictShare: number;
  readonly slowCommitShare: number;
  readonly providerSlowShare: number;
  readonly providerLostShare: number;
  readonly providerAwayShare: number;
  readonly outages: readonly Outage[];
  readonly pauses: readonly Pause[];
}

/** A world in which nothing goes wrong but what the orders themselves ask for. */
export const calm: FaultPlan = Object.freeze({
  ...noStorm,
  untilMs: 3_000,
  dropShare: 0,
  repeatShare: 0,
  delayShare: 0,
  delayMsMax: 0,
  reorders: false,
  crashShare: 0,
  crashesMax: 0,
  commitUnknownShare: 0,
  conflictShare: 0,
  slowCommitShare: 0,
  providerSlowShare: 0,
  providerLostShare: 0,
  providerAwayShare: 0,
  outages: [],
  pauses: [],
});

/** The plan of a seed. Each fault is absent from a part of the worlds, so that none can hide behind another. */
export function drawFaultPlan(luck: Random, place: Omit<Place, 'untilMs'>): FaultPlan {
  const { roles, services } = place;
  const share = (most: number): number => (luck.next() < 0.4 ? 0 : luck.next() * most);
  const untilMs = 4_000 + Math.floor(luck.next() * 5_000);
  const at = (): number => Math.floor(luck.next() * untilMs);
  const some = (most: number): readonly undefined[] =>
    Array.from({ length: Math.floor(luck.next() * (most + 1)) });
  const one = (among: readonly string[]): string => among[Math.floor(luck.next() * among.length)]!;
  return {
    untilMs,
    dropShare: share(0.06),
    repeatShare: share(0.15),
    delayShare: share(0.15),
    delayMsMax: 1_000 + Math.floor(luck.next() * 4_000),
    reorders: luck.next() < 0.5,
    crashShare: share(0.015),
    crashesMax: 12,
    commitUnknownShare: share(0.02),
    conflictShare: share(0.03),
    slowCommitShare: share(0.2),
    providerSlowShare: share(0.2),
    providerLostShare: share(0.15),
    providerAwayShare: share(0.15),
    outages: some(3).map(() => outage(one(['broker', ...services]), at(), 200 + luck.next() * 2_500)),
    pauses: some(4).map(() => {
      return { role: one(roles), atMs: at(), forMs: 300 + Math.floor(luck.next() * 4_000) };
    }),
    ...drawStorm(luck, { ...place, untilMs }),
  };
}

function outage(of: string, fromMs: number, forMs: number): Outage {
  return { of, fromMs, toMs: fromMs + Math.floor(forMs) };
}
