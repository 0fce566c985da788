/**
 * Which numbered statements have a test. Goal: a promise that nobody checks is seen. Method: a test is named after what it
 * checks (`S17: …`, `I12, S29: …`), so the names alone are read. Pure.
 */

/** The families of statements, how many each has, and what each is about. */
export const families = {
  S: { last: 110, about: 'semantics: what happens when things go wrong' },
  I: { last: 45, about: 'invariants, audits apart' },
  R: { last: 30, about: 'rules of the road' },
  B: { last: 110, about: 'bad input and attacks' },
} as const;

export type Family = keyof typeof families;

/** One number in the name of a test. */
export interface Mention {
  readonly family: Family;
  readonly number: number;
  readonly path: string;
}

const number = '[SIRB]\\d{1,3}';
/** What stands before the colon of a test's name: numbers, alone, in a list, or from one to another. */
const named = new RegExp(`['"\`](${number}(?:(?:, | and | to |[-–])${number})*):`, 'g');
const partOf = new RegExp(`(${number})(?:(?: to |[-–])(${number}))?`, 'g');

/** Every number that the names of the tests in `text` carry, in order. */
export function mentionsIn(path: string, text: string): readonly Mention[] {
  return [...text.matchAll(named)].flatMap(([, list = '']) =>
    [...list.matchAll(partOf)].flatMap(([, first = '', last = first]) => {
      const family = first[0] as Family;
      const from = Number(first.slice(1));
      const count = Number(last.slice(1)) - from + 1;
      return Array.from({ length: count }, (_, index) => ({ family, number: from + index, path }));
    }),
  );
}

/** Numbers that no family has: a slip of the pen. */
export function strangers(mentions: readonly Mention[]): readonly Mention[] {
  return mentions.filter(({ family, number: own }) => own < 1 || own > families[family].last);
}

/** The page: for each family how many have a test, which have none, and where the tests of each stand. */
export function pageOf(mentions: readonly Mention[]): string {
  const parts = (Object.keys(families) as Family[]).map((family) => partOfPage(family, mentions));
  return `# Which statements have tests

Made by \`npm run semantics\` from the names of the tests; not written by hand. A test is named after the numbered statements that it checks.

${parts.join('\n')}`;
}

function partOfPage(family: Family, mentions: readonly Mention[]): string {
  const own = Map.groupBy(
    mentions.filter((mention) => mention.family === family),
    (mention) => mention.number,
  );
  const { last, about } = families[family];
  const all = Array.from({ length: last }, (_, index) => index + 1);
  const missing = all.filter((each) => !own.has(each)).map((each) => `${family}${each}`);
  const lines = all.flatMap((each) => lineOf(`${family}${each}`, own.get(each) ?? []));
  return `## ${family}: ${about}

${last - missing.length} of ${last} have a test. None yet: ${missing.length === 0 ? 'no one' : missing.join(' ')}.

${lines.join('\n')}
`;
}

function lineOf(name: string, mentions: readonly Mention[]): readonly string[] {
  if (mentions.length === 0) return [];
  const paths = [...new Set(mentions.map(({ path }) => path))].toSorted();
  return [`- ${name}: ${mentions.length} in ${paths.map((path) => `\`${path}\``).join(', ')}`];
}
