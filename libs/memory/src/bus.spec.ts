/**
 * Goal: the bus in memory keeps the same contract as the real broker.
 * Method: the contract suite of `testing`; the host's clock, because a rejected batch comes again after a pause.
 */
import { SystemClock } from '@sagamore/runtime';
import { describeBusContract } from '@sagamore/testing';
import { MemoryBus } from './memory-bus.js';

const open = async () => ({
  bus: new MemoryBus({ clock: new SystemClock(), retryPauseMs: 1 }),
  close: async () => undefined,
});

describeBusContract('memory', open, { redelivers: false, deadlineMs: 2_000 });
