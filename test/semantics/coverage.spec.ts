/**
 * Goal: the coverage of statements is read from the names of tests as they are really written.
 * Method: sources as data; and the sources of this repository, for numbers that no statement has.
 */
import { expect, test } from '@jest/globals';
import { mentionsIn, pageOf, strangers } from './coverage.js';
import { allMentions } from './specs.js';

const read = (text: string) =>
  mentionsIn('a.spec.ts', text).map(({ family, number }) => `${family}${number}`);

test('a name carries one number, a list, or a range', () => {
  expect(read("test('S17: late', () => {})")).toEqual(['S17']);
  expect(read("test('I12, S29: both', () => {}); describe(`R5: x ${y}`, z)")).toEqual(['I12', 'S29', 'R5']);
  expect(read('test("I01-I03: all", f)')).toEqual(['I1', 'I2', 'I3']);
  expect(read("test('S3 to S5: all', f)")).toEqual(['S3', 'S4', 'S5']);
});

test('what merely speaks of a number is no test of it', () => {
  expect(read("// S17: why\nconst id = 'I13';\ntest('as S17 says', f)")).toEqual([]);
});

test('the page counts what has a test and names what has none', () => {
  const page = pageOf(mentionsIn('a.spec.ts', "test('R1: x', f); test('R1, R2: y', f)"));
  expect(page).toContain('2 of 30 have a test. None yet: R3 R4 ');
  expect(page).toContain('- R1: 2 in `a.spec.ts`');
  expect(page).toContain('0 of 45 have a test.');
});

test('no test of this repository is named after a statement that there is not', () => {
  const mentions = allMentions();
  expect(mentions.length).toBeGreaterThan(100);
  expect(strangers(mentions)).toEqual([]);
});
