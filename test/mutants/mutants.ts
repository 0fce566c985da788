/**
 * Six ways to lose money with one wrong line, and the specs that must notice each. A mutant is told as a text to be found
 * exactly once and what stands there instead: code that has moved on makes the check fail aloud, not pass in silence.
 */

export interface Mutant {
  readonly name: string;
  /** From the repository's root. */
  readonly file: string;
  readonly found: string;
  readonly instead: string;
  readonly project: 'unit' | 'integration';
  /** Specs, one of which must fail. */
  readonly specs: readonly string[];
  /** Which of their tests, as a pattern of names. Default: all. */
  readonly named?: string;
}

export const mutants: readonly Mutant[] = [
  {
    name: 'drop the epoch check',
    file: 'libs/postgres/src/journal-batch.ts',
    found: 'on held.shard = shard.shard and held.epoch = shard.epoch',
    instead: 'on held.shard = shard.shard',
    project: 'integration',
    specs: ['libs/postgres/src/journal.int.spec.ts'],
    named: 'R10: ',
  },
  {
    name: 'acknowledge before the commit',
    file: 'libs/runtime/src/participant.ts',
    found: 'for (const round of roundsOf(jobs)) replies.push(...(await this.settle(round)));',
    instead: `void (async () => {
      for (const round of roundsOf(jobs)) await this.answerAll(await this.settle(round));
    })().catch(this.onFault);`,
    project: 'unit',
    specs: ['libs/runtime/src/participant.spec.ts'],
  },
  {
    name: 'skip the barrier',
    file: 'libs/engine/src/barrier/barrier.ts',
    found: 'if (own !== undefined) return verdictOnOwn(own);',
    instead: '',
    project: 'unit',
    specs: ['libs/engine/src/barrier/barrier.spec.ts'],
  },
  {
    name: 'forget one compensation',
    file: 'libs/engine/src/saga/saga.compensation.ts',
    found: '{ next: [top], done: top.earlier }',
    instead: '{ next: [top], done: top.earlier?.earlier }',
    project: 'unit',
    specs: ['libs/engine/src/saga/saga.machine.spec.ts'],
  },
  {
    name: 'retry a refusal',
    file: 'libs/engine/src/saga/saga.attempt.ts',
    found: `    case 'succeeded':
    case 'refused':
      return reply;`,
    instead: `    case 'succeeded':
      return reply;
    case 'refused':
      return mayTry ? retryLater : reply;`,
    project: 'unit',
    specs: ['libs/engine/src/saga/saga.machine.spec.ts'],
  },
  {
    name: 'ignore the deadline',
    file: 'libs/engine/src/saga/saga.time.ts',
    found: 'return !isPaused && deadline <= at;',
    instead: 'return isPaused && deadline <= at;',
    project: 'unit',
    specs: ['libs/engine/src/saga/saga.people.spec.ts'],
  },
];

/** `source` with the mutant in it. Throws unless its place is found exactly once. */
export function planted(source: string, { name, file, found, instead }: Mutant): string {
  const places = source.split(found).length - 1;
  if (places !== 1)
    throw new Error(`the place of the mutant '${name}' stands ${places} times in ${file}, not once`);
  return source.replace(found, () => instead);
}
