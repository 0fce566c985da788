/** Goal: a transaction has one due time at most, is never taken too early and never twice. Method: instants as numbers. */
import { DueTimes } from './due-times.js';
import { describe, expect, test } from '@jest/globals';

describe('DueTimes', () => {
  test('nobody is due before the instant, and everybody is within 25 ms after it', () => {
    const times = new DueTimes();
    times.set('a', 1_010);
    expect(times.take(1_009)).toEqual([]);
    expect(times.take(1_035)).toEqual(['a']);
  });

  test('the earliest come first', () => {
    const times = new DueTimes();
    times.set('late', 3_000);
    times.set('soon', 1_000);
    expect(times.take(5_000)).toEqual(['soon', 'late']);
  });

  test('what was taken is not taken again', () => {
    const times = new DueTimes();
    times.set('a', 100);
    times.take(1_000);
    expect(times.take(1_000)).toEqual([]);
    expect(times.size).toBe(0);
  });

  test('a new due time replaces the old one', () => {
    const times = new DueTimes();
    times.set('a', 100);
    times.set('a', 5_000);
    expect(times.take(1_000)).toEqual([]);
    expect(times.take(5_000)).toEqual(['a']);
  });

  test('forgotten ones are gone, and forgetting an unknown one changes nothing', () => {
    const times = new DueTimes();
    times.set('a', 100);
    times.set('b', 100);
    times.forget('a');
    times.forget('nobody');
    times.set('b', undefined);
    expect(times.take(1_000)).toEqual([]);
    expect(times.size).toBe(0);
  });
});
