// The shape of a protocol
export { attentionOf, type Attention } from './attention.js';
export { replay, type Machine, type Transition } from './machine.js';
export type {
  CancelVerdict,
  DefinitionShape,
  LateReply,
  Parent,
  Protocol,
  RetryPolicy,
  ShapeChange,
  SignalVerdict,
  Start,
  StepShape,
  StepView,
} from './transaction.js';
export type { BranchId, Phase, RestReason, Standing, TransactionId } from './standing.js';
// What is found in definitions
export { findingsIn, type Finding, type FindingCode, type Known } from './finding.js';
// What a transaction is told, and what it asks for
export type {
  BugFound,
  DecisionAsked,
  DecisionMade,
  DefinitionMissing,
  LockAnswered,
  OutcomeReported,
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
  DecideCommand,
  Decision,
  ProbeCommand,
  ProtocolCommand,
  RunLocalCommand,
  SendCommand,
  TransactionCommand,
} from './command.js';
// Operations and their outcomes
export {
  failed,
  halves,
  isHalf,
  messageTypeFor,
  partOf,
  refused,
  succeeded,
  type Confirmation,
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
  type AskedPart,
  type ChildPart,
  type ClosingContext,
  type ClosingStep,
  type CompensationReason,
  type GroupBuilder,
  type AtomicDefinition,
  type LocalPart,
  type LockPart,
  type LockOptions,
  type LoopOptions,
  type OnUnknown,
  type PatienceOptions,
  type SagaBuilder,
  type SagaDefinition,
  type SagaOptions,
  type SagaPart,
  type SagaStep,
  type SignalOptions,
  type SignalPart,
  type StepContext,
  type StepOptions,
} from './saga/saga.definition.js';
export { changesBetween } from './saga/saga.compare.js';
export { lint } from './saga/saga.lint.js';
export { sagaMachine } from './saga/saga.machine.js';
export { judgeCancel } from './saga/saga.people.js';
export { sagaProtocol } from './saga/saga.protocol.js';
export { judgeSignal } from './saga/saga.signal.js';
export { type SagaState } from './saga/saga.state.js';
// Semantic locks
export { deadlocksIn, type Deadlocks, type Victim } from './locks/deadlock.js';
export {
  blockersOf,
  judgeClaim,
  type Lock,
  type LockAnswer,
  type LockClaim,
  type LockPolicy,
  type LockRow,
  type WaitsFor,
} from './locks/lock.js';
// What branches asked in parallel have in common
export type { BranchOptions, EndContext, EndReason, Patience } from './round/round.branch.js';
export type { AwaitedRound } from './round/round.parent.js';
// TCC
export {
  tcc,
  type ConfirmContext,
  type TccBranchOptions,
  type TccBuilder,
  type TccDefinition,
  type TccOperation,
} from './tcc/tcc.definition.js';
export { tccMachine } from './tcc/tcc.machine.js';
export { tccProtocol } from './tcc/tcc.protocol.js';
export { type TccState } from './tcc/tcc.state.js';
// Two-phase commit
export {
  twoPhaseCommit,
  type TwoPhaseCommitBuilder,
  type TwoPhaseCommitDefinition,
} from './two-phase-commit/two-phase-commit.definition.js';
export { presumedAbortProtocol } from './two-phase-commit/presumed-abort.js';
export { judgePrepared, type AskedOfPrepared } from './two-phase-commit/two-phase-commit.decision.js';
export { twoPhaseCommitMachine } from './two-phase-commit/two-phase-commit.machine.js';
export { twoPhaseCommitProtocol } from './two-phase-commit/two-phase-commit.protocol.js';
export { type TwoPhaseCommitState } from './two-phase-commit/two-phase-commit.state.js';
// Two-phase message
export {
  committedMarker,
  judgeCheckBack,
  mayBegin,
  plantedNo,
  type CheckBack,
} from './two-phase-message/check-back.js';
export {
  twoPhaseMessage,
  type SenderOptions,
  type TwoPhaseMessageBuilder,
  type TwoPhaseMessageDefinition,
} from './two-phase-message/two-phase-message.definition.js';
export {
  twoPhaseMessageMachine,
  type TwoPhaseMessageState,
} from './two-phase-message/two-phase-message.machine.js';
export { twoPhaseMessageProtocol } from './two-phase-message/two-phase-message.protocol.js';
// History
export { historyOf, isAsking, type AskedAttempt, type History, type IdleWait } from './history.js';
// Barrier
export {
  answerTo,
  isAlarming,
  judge,
  seatGenerationOf,
  seatsTakenBy,
  settledBy,
  type Asked,
  type BarrierRow,
  type Seat,
  type Verdict,
} from './barrier/barrier.js';
