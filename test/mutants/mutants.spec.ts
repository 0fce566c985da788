/** Each mutant still has its place in the code, so that `npm run test:mutants` plants what it says. */
import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { mutants, planted } from './mutants.js';

describe.each(mutants)('the mutant "$name"', (mutant) => {
  test('has its place in the code as it stands, and changes it', () => {
    const source = readFileSync(mutant.file, 'utf8');
    expect(planted(source, mutant)).not.toBe(source);
  });

  test('is watched by specs that exist', () => {
    expect(mutant.specs.filter((spec) => !existsSync(spec))).toEqual([]);
  });
});

test('a mutant whose place is gone, or stands twice, is told', () => {
  const [mutant] = mutants;
  expect(() => planted('nothing of the kind', mutant!)).toThrow('0 times');
  expect(() => planted(`${mutant!.found} ${mutant!.found}`, mutant!)).toThrow('2 times');
});
