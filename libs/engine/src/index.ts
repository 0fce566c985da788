// The shape of a protocol
export { replay, type Machine, type Transition } from './machine.js';
export type {
  AnnounceCommand,
  BranchId,
  Phase,
  Protocol,
  RestReason,
  RetryPolicy,
  SendCommand,
  Standing,
  Start,
  StepView,
  TransactionCommand,
  TransactionEvent,
  TransactionId,
} from './transaction.js';
// Operations and their outcomes
export {
  failed,
  refused,
  succeeded,
  type Failure,
  type Half,
  type Operation,
  type Refusal,
  type Reply,
  type Undo,
} from './operation.js';
// Barrier
export { judge, type Asked, type BarrierRow, type Verdict } from './barrier/barrier.js';
