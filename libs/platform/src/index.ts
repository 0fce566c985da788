// A process and its services
export { bootstrap, start, type BootstrapOptions, type RunningApp } from './bootstrap.js';
export { HealthController } from './health.controller.js';
export { createHost, Service, type Host } from './host.js';
export { SagamoreModule, type ServiceOptions } from './sagamore.module.js';
export { CoordinatorModule, type CoordinatorModuleOptions } from './coordinator.module.js';
export { type CronSchedule } from './cron.js';
export { HealthChecks, type HealthCheck, type HealthResult, type Readiness } from './health.js';
export { ServiceMetrics, type Circuit } from './metrics/service.metrics.js';
// Settings
export { readConfig, type Config, type KafkaConfig, type SaslConfig } from './config.js';
export { describeConfig, type SettingEntry } from './settings.js';
// Log
export { createLog, silentLog, type Log, type LogFields, type LogLevel, type LogOptions } from './log.js';
// Participants
export {
  Calls,
  CallsConfirm,
  CallsUndo,
  Confirms,
  ConfirmsBatch,
  Handles,
  HandlesBatch,
  Participant,
  Prepares,
  Records,
  RecordsConfirm,
  RecordsUndo,
  Undoes,
  UndoesBatch,
  type CallContext,
} from './participant.decorators.js';
export { ParticipantServer, type ParticipantServerOptions } from './transport.strategy.js';
// HTTP
export { createHttpEdge, type HttpEdge } from './http/edge.js';
export { fingerprint, IdempotencyKey, idempotencyKey } from './http/idempotency.js';
export { OperatorGuard } from './http/operator.guard.js';
export { transactionHeader } from './http/request.spans.js';
export { preferredWaitMs, PreferWait } from './http/prefer.js';
export { invalidRequest } from './http/validation.js';
export { ProblemException, type Problem, type ProblemError, type ProblemOptions } from './http/problem.js';
