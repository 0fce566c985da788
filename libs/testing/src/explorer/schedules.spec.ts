/**
 * Goal: which fault schedules are tried, which are smaller than another, and how a difference of books is told. Method: the pure
 * functions over data written by hand.
 */
import { describe, expect, test } from '@jest/globals';
import { differences } from './differences.js';
import { lendBook } from './explorer.fixture.js';
import { movesAt, type Move } from './move.js';
import { coursesOf, sample, smallerThan, Thinned } from './schedules.js';

const kill: Move = { kind: 'kill', at: 'shelf before it commits that it has done "book"' };
const no: Move = { kind: 'no', step: 'deposit' };
const message = 'the command to do "book"';

describe('which schedules', () => {
  test('a saga has one course for everybody who may say no, beside the one in which nobody does', () => {
    expect(coursesOf(lendBook)).toEqual([[], [{ kind: 'no', step: 'book' }], [no]]);
  });

  test('a message can be repeated, delayed, overtaken, and silenced from its first attempt on', () => {
    const first = movesAt({ type: 'message', name: message, road: message });
    expect(first.map(({ kind }) => kind)).toEqual(['repeat', 'repeat', 'delay', 'reorder', 'silence']);
    const second = movesAt({ type: 'message', name: `${message}, attempt 2`, road: message });
    expect(second.map(({ kind }) => kind)).toEqual(['repeat', 'repeat', 'delay', 'reorder']);
  });

  test('a bound takes evenly from all of them, the first included', () => {
    expect(sample([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 4)).toEqual([0, 2, 5, 7]);
    expect(sample([0, 1, 2], 4)).toEqual([0, 1, 2]);
    expect(sample([0, 1, 2], 0)).toEqual([]);
  });

  test('smaller is what lacks a move, then what has a plainer one; of one plain move nothing is smaller', () => {
    const silence: Move = { kind: 'silence', message };
    expect(smallerThan([no, kill])).toEqual([[kill], [no]]);
    expect(smallerThan([kill])).toEqual([]);
    expect(smallerThan([silence])).toEqual([
      [{ kind: 'repeat', message, when: 'at-the-end' }],
      [{ kind: 'delay', message }],
    ]);
  });
});

describe('a difference of books', () => {
  test('is told with the way to it, what was expected and what is there', () => {
    expect(differences({ a: { b: [1, 2] } }, { a: { b: [1, 3] }, c: 'x' })).toEqual([
      'a / b / 1: 2 was expected, found 3',
      "c: nothing was expected, found 'x'",
    ]);
    expect(differences({ a: 1 }, { a: 1 })).toEqual([]);
  });

  test('of maps is told whole, and of many at most eight are told', () => {
    expect(differences(new Map([['a', 1]]), new Map([['a', 2]]))).toEqual([
      "the books: Map(1) { 'a' => 1 } was expected, found Map(1) { 'a' => 2 }",
    ]);
    const many = Array.from({ length: 20 }, (_, index) => index);
    const lines = differences(many, many.toReversed());
    expect(lines).toHaveLength(9);
    expect(lines.at(-1)).toBe('and 12 more');
  });
});

test('of many that come one after the other some are kept, evenly, and never more than twice as many as are wanted', () => {
  const thinned = new Thinned<number>(4);
  thinned.put(Array.from({ length: 1_000 }, (_, index) => index));
  const chosen = thinned.chosen();
  expect(thinned.of).toBe(1_000);
  expect(chosen).toHaveLength(4);
  expect(chosen[0]).toBe(0);
  expect(chosen.at(-1)).toBeGreaterThan(500);
  const none = new Thinned<number>(0);
  none.put([1, 2, 3]);
  expect([none.of, none.chosen()]).toEqual([3, []]);
});
