/**
 * Goal: one participant is never sent more than it may have, and whoever waits for it is served by rank.
 * Method: a window over a dependency that is only arithmetic, in a time that is only a number.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ParticipantWindow, type Direction, type WindowPolicy } from './participant-window.js';

const policy: WindowPolicy = {
  outstandingMax: 200,
  keptForUndo: 40,
  ageingMs: 1_000,
  failuresToOpen: 5,
  resetMs: 60_000,
  trialsMax: 3,
  rampPerSecond: 100,
  rampMs: 10_000,
};

interface Errand {
  readonly name: number;
  readonly direction: Direction;
  isGone: boolean;
}

const place = (at: number) => ({ tenant: '', priority: 0, at });
const errandOf = (name: number, direction: Direction = 'forward'): Errand => {
  return { name, direction, isGone: false };
};

/** Opened at 0 by five that were silent. */
function opened(): ParticipantWindow<Errand> {
  const window = new ParticipantWindow<Errand>('stock', policy);
  for (let count = 0; count < 5; count++) window.tryEnter('forward', 0);
  for (let count = 0; count < 5; count++)
    window.leave({ outcome: 'failed', at: 0, sentAt: 0, isTrial: false });
  return window;
}

function takeAll(window: ParticipantWindow<Errand>, at: number): readonly Errand[] {
  const taken: Errand[] = [];
  for (let next = window.takeNext(at); next !== undefined; next = window.takeNext(at))
    taken.push(next.errand);
  return taken;
}

test('S85: 10,000 wait, and after the breaker closed the rate follows the ramp and the window is never exceeded', () => {
  const window = opened();
  for (let name = 0; name < 10_000; name++) window.wait(errandOf(name), place(0));
  window.hearOfTrials({ outcome: 'granted' }, 60_000);
  expect(takeAll(window, 60_000)).toHaveLength(3);
  const closedAt = 60_010;
  window.leave({ outcome: 'answered', at: closedAt, sentAt: 60_000, isTrial: true });
  const answersAt = new Map<number, number>();
  let [sent, outstanding, mostOutstanding, doneAt] = [3, 2, 0, Infinity];
  for (let at = closedAt; sent < 10_000 && at < 120_000; at += 10) {
    for (let left = answersAt.get(at) ?? 0; left > 0; left--, outstanding--)
      window.leave({ outcome: 'answered', at, sentAt: at - 50, isTrial: false });
    const taken = takeAll(window, at).length;
    answersAt.set(at + 50, taken);
    sent += taken;
    outstanding += taken;
    mostOutstanding = Math.max(mostOutstanding, outstanding);
    const seconds = (at - closedAt) / 1_000;
    expect(sent - 3).toBeLessThanOrEqual((100 * (2 ** seconds - 1)) / Math.LN2);
    if (sent === 10_000) doneAt = at;
  }
  expect(mostOutstanding).toBeLessThanOrEqual(policy.outstandingMax - policy.keptForUndo + 2);
  expect(doneAt - closedAt).toBeLessThanOrEqual(10_000);
});

test('S84: half open, of 100 that are due three go, and no more come of asking again', () => {
  const window = opened();
  for (let name = 0; name < 100; name++) window.wait(errandOf(name), place(0));
  expect([window.wantsTrials(59_999), window.wantsTrials(60_000)]).toEqual([false, true]);
  window.hearOfTrials({ outcome: 'granted' }, 60_000);
  expect(takeAll(window, 60_000)).toHaveLength(3);
  window.hearOfTrials({ outcome: 'granted' }, 61_000);
  expect(takeAll(window, 119_999)).toHaveLength(0);
  window.hearOfTrials({ outcome: 'taken', until: 130_000 }, 120_000);
  expect([takeAll(window, 125_000).length, window.wantsTrials(125_000), window.wantsTrials(130_000)]).toEqual(
    [0, false, true],
  );
  window.hearOfTrials({ outcome: 'answered' }, 130_000);
  expect(window.phase).toBe('closed');
});

test('S88: when forward has filled its part of the window, undo still goes, and first', () => {
  const window = new ParticipantWindow<Errand>('stock', policy);
  const entered = Array.from({ length: 200 }, () => window.tryEnter('forward', 0)).filter(Boolean);
  expect(entered).toHaveLength(160);
  expect(window.tryEnter('back', 0)).toBeDefined();
  window.wait(errandOf(1, 'forward'), place(0));
  for (let count = 0; count < 39; count++) window.tryEnter('back', 0);
  window.wait(errandOf(2, 'back'), place(1));
  expect(takeAll(window, 2)).toEqual([]);
  window.leave();
  expect(takeAll(window, 2).map(({ name }) => name)).toEqual([2]);
});

test('nobody overtakes those who wait, and who is gone is passed over', () => {
  const window = new ParticipantWindow<Errand>('stock', { ...policy, outstandingMax: 1, keptForUndo: 0 });
  window.tryEnter('forward', 0);
  const gone = errandOf(1);
  window.wait(gone, place(0));
  window.wait(errandOf(2), place(1));
  gone.isGone = true;
  window.leave();
  expect(window.tryEnter('forward', 2)).toBeUndefined();
  expect(takeAll(window, 2).map(({ name }) => name)).toEqual([2]);
});

describe('I36, S83: while a breaker is open', () => {
  test('nothing goes, whatever comes and goes', () => {
    const step = fc.constantFrom('enter', 'wait', 'take', 'leave');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const window = opened();
        steps.forEach((what, at) => {
          if (what === 'enter')
            expect(window.tryEnter(at % 2 === 0 ? 'forward' : 'back', at)).toBeUndefined();
          if (what === 'wait') window.wait(errandOf(at), place(at));
          if (what === 'take') expect(window.takeNext(at)).toBeUndefined();
          if (what === 'leave') window.leave({ outcome: 'answered', at, sentAt: 0, isTrial: false });
        });
      }),
    );
  });
});
