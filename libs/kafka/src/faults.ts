/**
 * Every error of the Kafka client as a `Fault`, and what each means for a request that failed.
 * Errors are known by their `type` and `name`, never by their text.
 */
import { Fault } from '@sagamore/resilience';

/** What to do with a request that failed. `rejected`: never again, find the culprit. `renew`: again with a new producer,
 *  because the broker has lost count of this one. `again`: the broker was away. */
export type Verdict = 'rejected' | 'renew' | 'again';

const dataTypes = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'POLICY_VIOLATION',
]);
const topicTypes = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION']);
const membershipTypes = new Set([
  'REBALANCE_IN_PROGRESS',
  'NOT_COORDINATOR_FOR_GROUP',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'FENCED_INSTANCE_ID',
]);
const refusal = /AUTHORIZATION|AUTHENTICATION|SASL|SECURITY|UNSUPPORTED/;
const refusalNames = new Set(['KafkaJSSASLAuthenticationError', 'KafkaJSNotImplemented']);

/** The client's error as a `Fault` that says what was wanted. Faults pass as they are. */
export function toFault(error: unknown, wanted: string): Fault {
  if (error instanceof Fault) return error;
  const found = describe(error);
  const type = typeOf(error) ?? '';
  if (dataTypes.has(type))
    return new Fault('DATA_REJECTED', `${wanted}: ${found}`, { retryable: false, cause: error });
  if (topicTypes.has(type))
    return new Fault('TOPIC_INVALID', `${wanted}: ${found}`, { retryable: true, cause: error });
  if (isRefusal(error)) {
    return new Fault('CONFIGURATION_INVALID', `${wanted}: ${found}`, { retryable: false, cause: error });
  }
  return new Fault('BROKER_UNAVAILABLE', `${wanted}: ${found}`, { retryable: true, cause: error });
}

/** What a failed send means. */
export function verdictOf(error: unknown): Verdict {
  const type = typeOf(error) ?? '';
  if (dataTypes.has(type) || topicTypes.has(type) || isRefusal(error)) return 'rejected';
  return isExhausted(error) ? 'again' : 'renew';
}

/** Whether the broker no longer counts us as the owner of what we hold: the group moves on, and so must we. */
export function isMembershipLost(error: unknown): boolean {
  return membershipTypes.has(typeOf(error) ?? '');
}

/** Whether the broker refuses us as we are configured: trying again cannot help. */
export function isRefusal(error: unknown): boolean {
  return chain(error).some(
    (link) =>
      refusalNames.has(link.name) ||
      ('type' in link && typeof link.type === 'string' && refusal.test(link.type)),
  );
}

/** Whether the client gave up only because its tries were used up: the very same request may be sent again. */
function isExhausted(error: unknown): boolean {
  return chain(error).some((link) => link.name === 'KafkaJSNumberOfRetriesExceeded');
}

/** The broker's word for the error, of whichever link of the chain carries one. */
export function typeOf(error: unknown): string | undefined {
  for (const link of chain(error)) {
    if ('type' in link && typeof link.type === 'string') return link.type;
  }
  return undefined;
}

function describe(error: unknown): string {
  return typeOf(error) ?? (error instanceof Error ? error.message : String(error));
}

function chain(error: unknown): Error[] {
  const links: Error[] = [];
  // The client wraps an error at most a few times; the bound guards against a cause that is its own.
  for (let link = error; link instanceof Error && links.length < 10; link = link.cause) links.push(link);
  return links;
}
