/**
 * Goal: the ports in memory keep the same contract as the real database.
 * Method: the contract suites of `testing`, over a manual clock that stands still unless claims must expire.
 */
import { describePortsContract } from '@sagamore/testing';
import { ManualClock } from './manual-clock.js';
import { MemoryBarrier } from './memory-barrier.js';
import { MemoryConsumerPauses } from './memory-consumer-pauses.js';
import { MemoryDatabase } from './memory-database.js';
import { MemoryBarrierHistory, MemoryHistory } from './memory-history.js';
import { MemoryIntents } from './memory-intents.js';
import { MemoryJournal } from './memory-journal.js';
import { MemoryOutbox } from './memory-outbox.js';
import { MemoryKeptLetters } from './memory-kept-letters.js';
import { MemorySchedules } from './memory-schedules.js';
import { MemoryTrials } from './memory-trials.js';
import { MemoryPrepared } from './memory-prepared.js';

const claimMs = 1_000;
const lockTimeoutMs = 100;
const longerThanAnyClaimMs = 3_600_000;

describePortsContract('memory', async () => {
  const clock = new ManualClock();
  const database = new MemoryDatabase({ clock, epochMs: 1_763_800_000_000 });
  const outbox = new MemoryOutbox(database, { claimMs });
  return {
    database,
    barrier: new MemoryBarrier(),
    intents: new MemoryIntents(database),
    outbox,
    journal: new MemoryJournal(database, outbox),
    history: new MemoryHistory(database),
    schedules: new MemorySchedules(database),
    trials: new MemoryTrials(database),
    consumerPauses: new MemoryConsumerPauses(database),
    letters: new MemoryKeptLetters(database, outbox),
    barrierHistory: new MemoryBarrierHistory(database),
    prepared: new MemoryPrepared(database, { lockTimeoutMs }),
    outlastLocks: async () => clock.advance(lockTimeoutMs),
    expireClaims: async () => clock.advance(longerThanAnyClaimMs),
    close: async () => undefined,
  };
});
