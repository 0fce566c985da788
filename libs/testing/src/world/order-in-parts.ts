/**
 * The same order as a saga of parts: a function of the orchestrator prices it, a child of its own secures stock and money,
 * and the parcel comes after, so that a carrier's "no" undoes a child that was done. What is drawn for an order decides
 * which of the two sagas it runs.
 */
import { saga, sagaProtocol, type Protocol } from '@sagamore/engine';
import {
  bookParcel,
  chargeCard,
  confirmOrder,
  patience,
  placeOrder,
  protocol,
  rejectOrder,
  takeStock,
  type SimOrder,
} from './place-order.js';

/** What the orchestrator itself does for an order, forth and back. */
export interface Pricing {
  price(order: SimOrder): Promise<number>;
  unprice(): Promise<void>;
}

/** The branch of the parent that is the child. */
export const childBranch = 'secure-order';

const secureOrder = saga<SimOrder>('secure-order', { version: 1 })
  .step('take-stock', takeStock, ({ input }) => input, patience)
  .step('charge-card', chargeCard, ({ input }) => input, { ...patience, onUnknown: 'probe' })
  .returns(({ input }) => ({ secured: input.units }))
  .define();

function placeInParts({ price, unprice }: Pricing) {
  return saga<SimOrder>('place-order-in-parts', { version: 1 })
    .local('price', ({ input }) => price(input), unprice, patience)
    .subSaga(childBranch, secureOrder, ({ input, results }) => ({ ...input, units: results.price }), {
      ...patience,
      inProgressPollMs: 2_000,
    })
    .step(
      'book-parcel',
      bookParcel,
      ({ input, results }) => ({ ...input, units: results['secure-order'].secured }),
      patience,
    )
    .step('confirm-order', confirmOrder, ({ input }) => ({ orderId: input.orderId }), {
      ...patience,
      pivot: true,
      retriable: true,
    })
    .onCompensated(
      'reject-order',
      rejectOrder,
      ({ input, reason }) => ({ orderId: input.orderId, reason }),
      patience,
    )
    .define();
}

/** Everything that an orchestrator of this world runs. */
export function protocolsWith(pricing: Pricing): readonly Protocol[] {
  return [protocol, sagaProtocol(secureOrder), sagaProtocol(placeInParts(pricing))];
}

// A replay asks for what was answered, and never runs it.
const unused: Pricing = { price: () => Promise.reject(new TypeError('replayed')), unprice: async () => {} };

const definitions = [placeOrder, secureOrder, placeInParts(unused)];

/** The same protocols, for who reads stored transactions and runs none. */
export const replayed = protocolsWith(unused);

/** The protocol and the names of its steps, for who replays a row. */
export function replayOf(definition: string): {
  readonly protocol: Protocol;
  readonly steps: readonly string[];
} {
  const index = definitions.findIndex(({ name }) => name === definition);
  const found = { protocol: replayed[index], steps: definitions[index]?.steps.map(({ name }) => name) };
  if (found.protocol === undefined || found.steps === undefined)
    throw new TypeError(`no definition of this world is named ${definition}`);
  return { protocol: found.protocol, steps: found.steps };
}

/** The saga that an order runs. */
export function definitionOf({ inParts }: SimOrder): string {
  return inParts ? 'place-order-in-parts' : placeOrder.name;
}
