/**
 * Which transactions this orchestrator can run: every definition that may still be in flight, whatever is a step of one,
 * and what strangers may send to each.
 */
import { approval, bookTripInput, leaving, newCard, subscribeInput } from '@sagamore/contracts';
import {
  sagaProtocol,
  tccProtocol,
  twoPhaseCommitProtocol,
  type Protocol,
  type SagaDefinition,
} from '@sagamore/engine';
import type { Config } from '@sagamore/platform';
import type { ProtocolSchemas } from '@sagamore/runtime';
import { bookTrip } from './book-trip.saga.js';
import { placeOrder } from './place-order.saga.js';
import { placeOrderTcc } from './place-order.tcc.js';
import { placeOrderTwoPhaseCommit } from './place-order.two-phase-commit.js';
import { subscription } from './subscription.saga.js';

/** An order's row goes with its transaction, so nobody but the order service starts one: it declares no input. The same
 *  holds for what is only ever a step. */
const schemas: Readonly<Record<string, ProtocolSchemas>> = {
  'book-trip': { input: bookTripInput, signals: { 'approve-trip': approval } },
  subscription: {
    input: subscribeInput,
    signals: { 'leave-before-2': leaving, 'leave-before-3': leaving, 'leave-before-4': leaving },
  },
  dunning: { signals: { 'new-card': newCard } },
};

/** The definition and the sagas that are steps of it, as the orchestrator runs them: it must know those inside too. */
export function protocolsOf(definition: SagaDefinition): readonly Protocol[] {
  return sagasOf(definition).map((each) => {
    const known = schemas[each.name];
    return known === undefined ? sagaProtocol(each) : { ...sagaProtocol(each), schemas: known };
  });
}

/** Those inside come first, each once. */
export function sagasOf(definition: SagaDefinition): readonly SagaDefinition[] {
  const inside = definition.steps.flatMap(({ via }) => (via.type === 'child' ? sagasOf(via.definition) : []));
  return [...new Set([...inside, definition])];
}

/** The order's transactions, and the trip's and the subscription's where the providers that they call have an address. A
 *  deployment of the shop alone needs none of those. */
export function protocolsFor({ participantUrls }: Pick<Config, 'participantUrls'>): readonly Protocol[] {
  const isServed = ({ called = [] }: Protocol) =>
    called.every(({ participant }) => participantUrls[participant] !== undefined);
  const others = [bookTrip, subscription]
    .map(protocolsOf)
    .filter((protocols) => protocols.every(isServed))
    .flat();
  return [
    sagaProtocol(placeOrder),
    tccProtocol(placeOrderTcc),
    twoPhaseCommitProtocol(placeOrderTwoPhaseCommit),
    ...others,
  ];
}
