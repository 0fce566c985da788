/**
 * Where a message goes that can never be handled, so that it blocks nobody: `<topic>.dead-letters`, with the reason,
 * where it came from and its trace, so that a person can understand it and play it again (I25).
 */
import { deadLetterTopic, type Message } from './message.js';
import type { Delivery, Origin } from './ports.js';

export interface DeadLetterData {
  readonly reason: string;
  readonly origin?: Origin;
  /** The message as it was; absent when the broker refused to carry it. */
  readonly message?: Message;
}

/** The dead letter of a message that was delivered and cannot be handled. */
export function deadLetter({ message, origin }: Delivery, reason: string): Message<DeadLetterData> {
  return { ...envelope(message, origin.topic), data: { reason, origin, message } };
}

/** The dead letter of a message that the broker refused; its body stays out, since it may be what was refused. */
export function undeliverable(message: Message, reason: string): Message<DeadLetterData> {
  return { ...envelope(message, message.topic), data: { reason } };
}

function envelope(message: Message, topic: string): Omit<Message, 'data'> {
  const { id, type, source, key, occurredAt, traceparent } = message;
  const letter = {
    id: `${id}/dead-letter`,
    type,
    source,
    topic: deadLetterTopic(topic),
    key,
    occurredAt,
    causationId: id,
  };
  return traceparent === undefined ? letter : { ...letter, traceparent };
}
