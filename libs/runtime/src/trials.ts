/**
 * Who may try a participant that was left alone: one process at a time, so that a hundred owners do not greet it together
 * (S84), and whoever was answered tells the others. Words and a port alone; what is decided from them lies in the breaker.
 */

export interface TrialRequest {
  readonly participant: string;
  /** When the asker's own breaker opened, ms of the store's clock. */
  readonly openedAt: number;
  /** How long the asker alone may try, ms. */
  readonly claimMs: number;
}

export type TrialAnswer =
  /** The asker alone may try, until its claim ends. */
  | { readonly outcome: 'granted' }
  /** Another was answered since the asker's breaker opened. */
  | { readonly outcome: 'answered' }
  /** Another tries now, until an instant of the store's clock. */
  | { readonly outcome: 'taken'; readonly until: number };

export abstract class Trials {
  /** Claims the trials of a participant. Of any number of askers at one time one is granted; a claim that has ended is
   *  anybody's. Throws a `Fault` when the store cannot answer. */
  abstract ask(request: TrialRequest): Promise<TrialAnswer>;
  /** The participant has answered: whoever asks from now on need not try. Idempotent. */
  abstract tellAnswered(participant: string): Promise<void>;
}

/** Where there is one process alone, or none that others could learn from. */
export class TrialsAlone extends Trials {
  override ask(): Promise<TrialAnswer> {
    return Promise.resolve({ outcome: 'granted' });
  }

  override tellAnswered(): Promise<void> {
    return Promise.resolve();
  }
}
