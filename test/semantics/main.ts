/**
 * `npm run semantics`: writes docs/reference/semantics-coverage.md anew from the names of the tests, and prints how many
 * statements of each family have one.
 */
import { writeFileSync } from 'node:fs';
import { pageOf } from './coverage.js';
import { allMentions } from './specs.js';

const page = 'docs/reference/semantics-coverage.md';
const text = pageOf(allMentions());
writeFileSync(page, text);
for (const [, line] of text.matchAll(/^(\d+ of \d+ have a test\..*)$/gm)) process.stdout.write(`${line}\n`);
