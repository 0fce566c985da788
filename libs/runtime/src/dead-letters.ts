/**
 * Where a message goes that can never be handled, so that it blocks nobody: `<topic>.dead-letters`, with the reason,
 * where it came from and its trace, so that a person can understand it and play it again (I25).
 */
import { deadLetterTopic, type Message } from './message.js';
import type { Bus, Delivery, Origin } from './ports.js';
import { sendApart } from './send-apart.js';

export interface DeadLetterData {
  readonly reason: string;
  readonly origin?: Origin;
  /** The message as it was; absent when the broker refused to carry it, and when it is none. */
  readonly message?: Message;
  /** Where the record lies, byte for byte, that is no message of ours. The bus alone tells it. */
  readonly unreadable?: Origin;
}

/** The dead letter of a message that was delivered and cannot be handled. */
export function deadLetter({ message, origin }: Delivery, reason: string): Message<DeadLetterData> {
  return { ...envelope(message, origin.topic), data: { reason, origin, message } };
}

/** The dead letter of a message that the broker refused; its body stays out, since it may be what was refused. */
export function undeliverable(message: Message, reason: string): Message<DeadLetterData> {
  return { ...envelope(message, message.topic), data: { reason } };
}

/** Sends dead letters. A message that fills the broker's limit leaves no room for its own reason, so what the broker
 *  refuses goes without the body; what it refuses even then is told to `onFault` and given up, for it would come again for
 *  ever and hold its partition (R2). Throws when the broker is away. */
export async function bury(
  bus: Bus,
  letters: readonly Message<DeadLetterData>[],
  onFault: (error: unknown) => void,
): Promise<void> {
  await sendApart(bus, letters, {
    onHopeless: (letter) =>
      sendApart(bus, [withoutBody(letter)], { onHopeless: (_, fault) => onFault(fault) }),
  });
}

function withoutBody({ data, ...letter }: Message): Message {
  const { message: _, ...rest } = data as DeadLetterData;
  return { ...letter, data: rest };
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
