/**
 * What a person gave the command line that it cannot work with: told in one line that says what to do, without a stack.
 */

/** Ends the command with code 2. */
export class Complaint extends Error {
  override readonly name = 'Complaint';
}

/** `what` is wrong; `next` is what to do about it. */
export function complaint(what: string, next: string): Complaint {
  return new Complaint(`${what}. ${next}.`);
}
