/**
 * The face of `@sagamore/testing/kit`: a user's saga tested as given, when, then over plain data. The real machine runs
 * in virtual time; there is no server, no clock and no network, and any test runner will do.
 */
export {
  failsTimes,
  fails,
  isAway,
  isBusyTimes,
  isHeld,
  keepsFailing,
  losesReply,
  missesTimes,
  refuses,
  staysSilent,
  succeeds,
  type Fake,
  type FailsOptions,
  type HeldKey,
} from './fake.js';
export { givenSaga, type GivenSaga, type SagaScript } from './given-saga.js';
export { SagaTestMistake } from './mistake.js';
export type { Asking, FakeFrom, Participants } from './participants.js';
export { assertOutcome, type SagaRun, type Waiting } from './saga-run.js';
export type { Call, Late } from './stage.js';
export type { Duration, Instant } from './time.js';
