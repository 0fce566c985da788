/**
 * Sends what one batch has to say so that a message which the broker can never take holds back nobody else (R2).
 * Last stop of a batch before its position moves: what is thrown from here brings the whole batch again.
 */
import { Fault, type FaultCode } from '@sagamore/resilience';
import type { Message } from './message.js';
import type { Bus } from './ports.js';

export interface SendApartOptions {
  /** What makes a message hopeless. Default: the broker can never take it. */
  readonly hopeless?: readonly FaultCode[];
  /** Given each hopeless message, AFTER those before it were sent. */
  readonly onHopeless: (message: Message, fault: Fault) => Promise<void> | void;
}

/** Sends all in one go; when the broker refuses, in halves down to the culprit, in the same order. Resolves AFTER every
 *  message was acknowledged or handed to `onHopeless`; throws any other fault, and then some may have been sent. */
export async function sendApart(
  bus: Bus,
  messages: readonly Message[],
  options: SendApartOptions,
): Promise<void> {
  if (messages.length === 0) return;
  try {
    await bus.send(messages);
  } catch (error) {
    const { hopeless = ['DATA_REJECTED'], onHopeless } = options;
    if (!(error instanceof Fault && hopeless.includes(error.code))) throw error;
    const [only] = messages;
    if (messages.length === 1 && only !== undefined) return onHopeless(only, error);
    const half = messages.length >> 1;
    await sendApart(bus, messages.slice(0, half), options);
    await sendApart(bus, messages.slice(half), options);
  }
}
