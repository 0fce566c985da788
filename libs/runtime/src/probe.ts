/**
 * The question what became of an action whose answer never came, and its answer (R6, R23), as they travel. The platform
 * asks and the platform answers, from the barrier; no handler of anybody's sees either.
 */
import type { ProbeCommand, ProbeFinding } from '@sagamore/engine';
import {
  commandTopic,
  isBranchId,
  isGeneration,
  traceparentOf,
  type CommandContext,
  type CommandData,
  type Message,
} from './message.js';

/** The body of a probe: the action that is asked about, as it was sent, but for `attempt`, which counts the probes. */
export interface ProbeData extends CommandData {
  readonly operation: 'action';
  /** The type of the message that asked for the action. */
  readonly messageType: string;
}

/** The body of a probe's answer. */
export interface ProbedData {
  readonly transactionId: string;
  readonly branchId: string;
  readonly generation: number;
  readonly attempt: number;
  readonly finding: ProbeFinding;
}

/** One type serves all operations of a participant, which therefore can have none of this verb. */
export function probeTypeOf(participant: string): string {
  return `${participant}.probe`;
}

export function probeMessage(command: ProbeCommand, context: CommandContext): Message<ProbeData> {
  const { transactionId, replyTo, at, traceparent = traceparentOf } = context;
  const { participant, messageType, branchId, generation, attempt, payload } = command;
  const asked = { transactionId, branchId, operation: 'action', generation, attempt } as const;
  const id = `${transactionId}/${branchId}/probe/${generation}/${attempt}`;
  return {
    id,
    type: probeTypeOf(participant),
    source: 'orchestrator',
    topic: commandTopic(participant),
    key: transactionId,
    occurredAt: at,
    traceparent: traceparent(transactionId, id),
    data: { ...asked, replyTo, payload, messageType },
  };
}

export function probedMessage(
  probe: Message<CommandData>,
  finding: ProbeFinding,
  context: { readonly source: string; readonly at: number },
): Message<ProbedData> {
  const { transactionId, branchId, generation, attempt, replyTo } = probe.data;
  return {
    id: `${probe.id}/${finding.outcome}`,
    type: `${probe.type}.${finding.outcome}`,
    source: context.source,
    topic: replyTo.topic,
    key: transactionId,
    partition: replyTo.partition,
    occurredAt: context.at,
    causationId: probe.id,
    traceparent: probe.traceparent ?? traceparentOf(transactionId),
    data: { transactionId, branchId, generation, attempt, finding },
  };
}

/** Whether a body that came over the wire answers a probe (B96). */
export function isProbed(data: object): data is ProbedData {
  const { branchId, generation, attempt, finding } = data as Partial<ProbedData>;
  return (
    isBranchId(branchId) &&
    isGeneration(generation) &&
    Number.isInteger(attempt) &&
    typeof finding === 'object' &&
    finding !== null &&
    isFinding(finding)
  );
}

function isFinding(finding: ProbeFinding): boolean {
  switch (finding.outcome) {
    case 'succeeded':
    case 'not-done':
    case 'not-yet':
      return true;
    case 'refused':
      return typeof finding.refusal?.code === 'string';
    default:
      return false;
  }
}
