// The shape of a protocol
export { replay, type Machine, type Transition } from './machine.js';
export type { LateReply, Parent, Protocol, RetryPolicy, Start, StepView } from './transaction.js';
export type { BranchId, Phase, RestReason, Standing, TransactionId } from './standing.js';
// What a transaction is told, and what it asks for
export type {
  BugFound,
  DefinitionMissing,
  Decided,
  ParentAsked,
  Probed,
  Replied,
  Settled,
  SignalReceived,
  TimePassed,
  TransactionEvent,
} from './event.js';
export type {
  AlarmCommand,
  AnnounceCommand,
  AnswerParentCommand,
  AskingCommand,
  ChildCommand,
  ProbeCommand,
  RunLocalCommand,
  SendCommand,
  TransactionCommand,
} from './command.js';
// Operations and their outcomes
export {
  failed,
  refused,
  succeeded,
  type Failure,
  type Half,
  type Operation,
  type ProbeFinding,
  type Refusal,
  type Reply,
  type Undo,
} from './operation.js';
// Saga
export {
  saga,
  type Approval,
  type ClosingContext,
  type ClosingStep,
  type CompensationReason,
  type GroupBuilder,
  type LoopOptions,
  type OnUnknown,
  type PatienceOptions,
  type SagaBuilder,
  type SagaDefinition,
  type SagaOptions,
  type SagaStep,
  type SignalOptions,
  type StepContext,
  type StepOptions,
} from './saga/saga.definition.js';
export { classifyLate } from './saga/saga.late.js';
export { lint, type Finding, type FindingCode } from './saga/saga.lint.js';
export { sagaMachine } from './saga/saga.machine.js';
export { judgeCancel } from './saga/saga.people.js';
export { sagaProtocol } from './saga/saga.protocol.js';
export { judgeSignal, type SignalVerdict } from './saga/saga.signal.js';
export { type SagaState } from './saga/saga.state.js';
// Barrier
export { answerTo, judge, type Asked, type BarrierRow, type Verdict } from './barrier/barrier.js';
