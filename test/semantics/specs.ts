/** Reads the numbers in the names of all tests of this repository, those of this folder apart: they speak of numbers in strings. */
import { globSync, readFileSync } from 'node:fs';
import { mentionsIn, type Mention } from './coverage.js';

const isElsewhere = (path: string) => path.includes('node_modules') || path.startsWith('test/semantics');

/** In order of path. */
export function allMentions(): readonly Mention[] {
  const paths = globSync('{libs,apps,test,deploy}/**/*.{spec,contract}.ts', { exclude: isElsewhere });
  return paths.toSorted().flatMap((path) => mentionsIn(path, readFileSync(path, 'utf8')));
}
