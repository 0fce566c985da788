/**
 * What an answer of a provider can fail to be, in one place for every client of one: none of these says whether the call
 * took effect, so each is a fault and never a refusal. A message names the key, never what was sent or answered.
 */
import { Fault } from '@sagamore/resilience';

/** Neither a yes nor a no, e.g. because the same key is being worked on at this moment: ask again. */
export function noVerdict(status: number, key: string): Fault {
  const message = `a yes or a no was wanted, found status ${status} for ${key}`;
  return new Fault('PROVIDER_UNAVAILABLE', message, { retryable: true });
}

/** Another request was decided under the key. Not retryable: the same request under the same key gets the same answer. */
export function keyReused(key: string): Fault {
  const message = `an answer to this request was wanted, found that ${key} stands for another one`;
  return new Fault('PROVIDER_REJECTED', message, { retryable: false });
}

/** A status that promises a body, and a body that does not keep it. */
export function notUnderstood(status: number, key: string): Fault {
  const message = `a body that fits status ${status} was wanted, found another for ${key}`;
  return new Fault('PROVIDER_REJECTED', message, { retryable: true });
}
