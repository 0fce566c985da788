/**
 * What is wrong with a test, or with the definition that it tests: never the saga's own fate, which is data.
 */

/** A test that cannot be played. The message says what is missing and what to write. */
export class SagaTestMistake extends Error {
  override readonly name = 'SagaTestMistake';
}

/** `what` is wrong, `next` is what to do about it. */
export function mistake(what: string, next: string, story: readonly string[] = []): SagaTestMistake {
  const told = story.length === 0 ? '' : `\nThe story so far:\n  ${story.join('\n  ')}`;
  return new SagaTestMistake(`${what}.\n${next}.${told}`);
}
