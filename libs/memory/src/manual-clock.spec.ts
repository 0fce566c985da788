/**
 * Goal: time that moves only when told moves in one order alone.
 * Method: timers that write down when they fired.
 */
import { expect, test } from '@jest/globals';
import { ManualClock } from './manual-clock.js';

function clockWithDiary(): { clock: ManualClock; diary: string[]; note: (what: string) => () => void } {
  const clock = new ManualClock();
  const diary: string[] = [];
  return { clock, diary, note: (what) => () => diary.push(`${what} at ${clock.now()}`) };
}

test('timers fire in order of due time, and those of one instant in order of creation', () => {
  const { clock, diary, note } = clockWithDiary();
  clock.after(20, note('late'));
  clock.after(10, note('first'));
  clock.after(10, note('second'));
  clock.advance(20);
  expect(diary).toEqual(['first at 10', 'second at 10', 'late at 20']);
});

test('a timer fires neither before its time nor twice', () => {
  const { clock, diary, note } = clockWithDiary();
  clock.after(10, note('once'));
  clock.advance(9);
  expect(diary).toEqual([]);
  clock.advance(1);
  clock.advance(100);
  expect(diary).toEqual(['once at 10']);
});

test('a timer that was called off never fires, and calling it off twice or late is harmless', () => {
  const { clock, diary, note } = clockWithDiary();
  const callOff = clock.after(10, note('never'));
  const tooLate = clock.after(5, note('fired'));
  callOff();
  callOff();
  expect(clock.pending).toBe(1);
  clock.advance(20);
  tooLate();
  expect(diary).toEqual(['fired at 5']);
  expect(clock.pending).toBe(0);
});

test('a timer made on the way fires on the way when it falls due', () => {
  const { clock, diary, note } = clockWithDiary();
  clock.after(10, () => clock.after(5, note('made at 10')));
  clock.advance(15);
  expect(diary).toEqual(['made at 10 at 15']);
});

test('the next due time is that of the first timer that still waits', () => {
  const clock = new ManualClock(100);
  expect(clock.nextDueAt).toBeUndefined();
  const callOff = clock.after(5, () => undefined);
  clock.after(7, () => undefined);
  expect(clock.nextDueAt).toBe(105);
  callOff();
  expect(clock.nextDueAt).toBe(107);
});

test('advancing with pauses lets what one instant set off run BEFORE the next instant', async () => {
  const { clock, diary, note } = clockWithDiary();
  clock.after(10, () => void Promise.resolve().then(note('set off')));
  clock.after(11, note('next'));
  await clock.advanceAsync(50);
  expect(diary).toEqual(['set off at 10', 'next at 11']);
  expect(clock.now()).toBe(50);
});

test('time never goes backward', () => {
  expect(() => new ManualClock().advance(-1)).toThrow('time goes forward');
});
