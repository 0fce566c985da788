/**
 * The one face of the contract suite for `Bus`, run by every adapter in its own ring.
 * It is about what a bus promises; what services do with messages is told elsewhere.
 */
import { describe, expect, test } from '@jest/globals';
import { freshStage, message, type BusContractOptions, type OpenBus, type Stage } from './bus/open.js';
import { describePausing } from './bus/pausing.contract.js';
import { describeReceiving } from './bus/receiving.contract.js';
import { describeSending } from './bus/sending.contract.js';

export type { BusContractOptions, BusUnderTest, OpenBus } from './bus/open.js';

/** Registers the suite under `name`; `open` is called once for each test, with a bus that was not started. */
export function describeBusContract(name: string, open: OpenBus, options: BusContractOptions): void {
  const { redelivers, deadlineMs = 20_000 } = options;
  describe(`${name} keeps the contract of Bus`, () => {
    const stage = freshStage(open, deadlineMs);
    describeSending(stage, 3 * deadlineMs);
    describeReceiving(stage, 3 * deadlineMs);
    describePausing(stage, 3 * deadlineMs);
    if (redelivers) describeLog(stage, 3 * deadlineMs);
  });
}

function describeLog(stage: () => Stage, timeoutMs: number): void {
  test(
    'a group that comes later begins at the earliest, also with what others have handled',
    async () => {
      const { bus, topic, group, inbox } = stage();
      const [early, late] = [inbox(), inbox()];
      await bus.subscribe({ topic, group, handle: early.handle });
      await bus.send([message(topic, 'k1', 'a'), message(topic, 'k1', 'b')]);
      await early.untilCount(2);
      await bus.subscribe({ topic, group: `late-${group}`, handle: late.handle });
      await late.untilCount(2);
      expect(late.ids).toEqual(['a', 'b']);
    },
    timeoutMs,
  );
}
