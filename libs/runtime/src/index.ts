// Ports
export {
  Barrier,
  Bus,
  Clock,
  Database,
  Intents,
  Journal,
  Outbox,
  ParticipantCalls,
  Prepared,
  Tx,
  type ActiveSubscription,
  type BranchKey,
  type Delivery,
  type DuePlace,
  type Epoch,
  type FindRows,
  type InDoubt,
  type Intent,
  type JournalBatch,
  type JournalEntry,
  type JournalReceipt,
  type LateRepliesToKeep,
  type Origin,
  type OutboxClaim,
  type OutboxRow,
  type ParentLink,
  type PreparedEnd,
  type Shard,
  type StoredBarrierRow,
  type StoredLateReply,
  type StoredTransaction,
  type Subscription,
  type TopicSpecification,
  type TransactionQuery,
  type TransactionRecord,
  type TransactionStatus,
} from './ports.js';
// Semantic locks
export { type LockChanges, type LockRelease, type LockTaking, type StoredLock } from './lock-registry.js';
// The host's time
export { SystemClock } from './system-clock.js';
// Messages
export {
  commandMessage,
  commandTopic,
  buriedTopicOf,
  deadLetterTopic,
  eventTopic,
  inboxTopic,
  replyMessage,
  settlementTopic,
  traceparentOf,
  transactionEventsTopic,
  type ChildData,
  type CommandData,
  type Message,
  type OutcomeData,
  type QuestionData,
  type ReplyAddress,
  type ReplyData,
  type StartData,
  type TraceContext,
} from './message.js';
export { probeTypeOf, type ProbeData, type ProbedData } from './probe.js';
// Operations and their handlers
export {
  operation,
  type DeclaredOperation,
  type HoldingOperation,
  type InputOf,
  type OperationOptions,
  type OutputOf,
} from './operation.js';
export {
  providerKeyOf,
  type CommandOf,
  type ConfirmationOf,
  type ExternalHandler,
  type HandledCommand,
  type Handler,
  type LocalHandler,
  type PreparedHandler,
  type ReplyOf,
  type Settled,
  type SettledConfirmationOf,
  type SettledOf,
  type SettledUndoOf,
  type UndoOf,
} from './handler.js';
export { operationIdOf } from './branch.js';
// Batches and the outbox
export { gather, type GatherOptions } from './gather.js';
export { OutboxRelay, type OutboxRelaySettings } from './outbox-relay.js';
export { type DeadLetterData } from './dead-letters.js';
// What is kept of what ended
export { BarrierHistory, History, type Removal, type RemovalPage, type Tombstone } from './history.js';
export {
  BarrierRetention,
  Retention,
  type BarrierRetentionOptions,
  type RetentionOptions,
} from './retention.js';
// Schedules
export {
  Scheduler,
  Schedules,
  type Schedule,
  type ScheduleMove,
  type ScheduleRow,
  type SchedulerOptions,
  type SchedulerPorts,
} from './scheduler.js';
// The two sides of a transaction
export {
  Participant,
  messageTypeOf,
  type HandledMessage,
  type ParticipantOptions,
  type ParticipantPorts,
} from './participant.js';
export { type ExternalSettings } from './external-branches.js';
export { Coordinator } from './coordinator.js';
export type { Stray } from './watchdog.js';
export {
  KeptLetters,
  LetterKeeper,
  lettersMax,
  unplayable,
  type ArrivedLetter,
  type KeptLetter,
  type LetterReplay,
  type ReplayReceipt,
  type ReplayWish,
} from './kept-letters.js';
export type { CoordinatorHooks, CoordinatorOptions, CoordinatorPorts } from './coordinator-options.js';
export { PassingBus } from './passing-bus.js';
export { type Rested, type Saved } from './decision-writer.js';
export { Definitions, startOf } from './definitions.js';
export { childIdOf } from './children.js';
export { startType } from './inbox.js';
export {
  checkBackHandler,
  TwoPhaseSender,
  type TwoPhaseMessage,
  type TwoPhaseSenderOptions,
  type TwoPhaseSenderPorts,
} from './two-phase-sender.js';
// What people want of transactions
export { Door, type DoorOptions, type DoorPorts } from './door.js';
export type { DeclaredProtocol, ProtocolSchemas } from './declared-protocol.js';
export type { AcceptedReceipt, AcceptedStart, KnownStart, UnbegunStart } from './start.js';
export type { StartAnswer, StartRequest } from './starting.js';
export {
  cancelMessage,
  type CancelData,
  type UnheardWish,
  type Wanted,
  type Wish,
  type WishReceipt,
} from './wish.js';
export type { Asked, Decline, WishAnswer } from './wishing.js';
export { Limiter, type CallsUnderWay } from './limiter.js';
// What a service reads, and what of it is paused
export {
  ConsumerPauses,
  type ConsumerName,
  type ConsumerPause,
  type ConsumerWish,
} from './consumer-pauses.js';
export { Consumers, type ConsumersOptions, type ConsumerView } from './consumers.js';
// What may be on its way to a participant
export { precedenceOf, priorityMax, tenantCharactersMax, type Precedence } from './precedence.js';
export { type WindowPolicy } from './participant-window.js';
export { Trials, type TrialAnswer, type TrialRequest } from './trials.js';
