/**
 * The face of `@sagamore/testing/explorer`: a saga of the user's, run with a crash, a repeat, a delay or a reordering at each of
 * its durable writes and messages. It needs no server, no clock and no particular test runner.
 */
export {
  calls,
  callsUndo,
  does,
  exploration,
  isExploration,
  undoes,
  type Cast,
  type Exploration,
  type Look,
  type OwnPorts,
  type Rows,
  type Service,
  type Tables,
} from './exploration.js';
export {
  assertWithstands,
  explore,
  type Course,
  type Explored,
  type ExploreOptions,
  type Failure,
  type Progress,
} from './explore.js';
export { ExplorationMistake } from './mistake.js';
export type { HttpRequest } from './http-service.js';
export { inWords, type Move, type Schedule } from './move.js';
export { failureInLines } from './report.js';
