/**
 * The example's trip, to be explored: its own definition, called over HTTP. The travel provider and the bank keep their keys in
 * one table each, as docs/reference/http-participants.md asks of them.
 */
import type { BookTripInput } from '@sagamore/contracts';
import { refused, succeeded, type ProbeFinding, type Reply } from '@sagamore/engine';
import {
  exploration,
  type Cast,
  type HttpRequest,
  type Service,
  type Tables,
} from '@sagamore/testing/explorer';
import { bookTrip } from '../../apps/orchestrator/src/transactions/book-trip.saga.js';

const input: BookTripInput = {
  tripId: 'trip-1',
  customerId: 'ada',
  from: 'ZRH',
  to: 'LIS',
  departsOn: '2026-05-01',
  returnsOn: '2026-05-08',
  currency: 'EUR',
  paymentToken: 'tok_ok',
  approvalAboveMinor: 1_000_000,
};

/** What each request is answered with when it is done. */
const outputs: Readonly<Record<string, unknown>> = {
  'travel.book-flight': { bookingId: 'flight-1', amountMinor: 20_000, arrivesAt: '2026-05-01T14:00:00Z' },
  'travel.book-hotel': { bookingId: 'hotel-1', amountMinor: 70_000 },
  'travel.book-car': { bookingId: 'car-1', amountMinor: 25_000 },
  'travel.issue-tickets': { ticketNumber: 'ticket-1' },
  'travel.tell-traveller': {},
};

/** One key: what was done under it, or that nothing ever will be. */
interface Entry {
  readonly path: string;
  readonly state: 'done' | 'undone' | 'tombstone';
}

export default exploration(bookTrip, { input, cast: castOfBookTrip });

/** The providers of a trip. */
export function castOfBookTrip(): Cast {
  return {
    services: { travel: keeper(outputs), billing: keeper({ 'billing.charge': { chargeId: 'charge-1' } }) },
    books: (look) =>
      ['travel', 'billing'].map((service) =>
        Object.values(look.rows<Entry>(service, 'keys'))
          .filter(({ state, path }) => state === 'done' && path !== 'travel.tell-traveller')
          .map(({ path }) => path)
          .toSorted(),
      ),
  };
}

/** A service that does each thing once a key. */
function keeper(answers: Readonly<Record<string, unknown>>): Service {
  return {
    answers: (request, tables) => answer(request, tables, answers[request.path]),
    probed: (key, tables) => find(key, tables, answers),
  };
}

async function answer({ key, path, half }: HttpRequest, tables: Tables, output: unknown): Promise<Reply> {
  const keys = tables.table<Entry>('keys');
  const entry = await keys.lock(key);
  if (half === 'compensation') {
    const state = entry === undefined || entry.state === 'tombstone' ? 'tombstone' : 'undone';
    await keys.put(key, { path: entry?.path ?? path, state });
    return state === 'tombstone' ? { outcome: 'succeeded', output: {}, empty: true } : succeeded({});
  }
  if (entry !== undefined && entry.state !== 'done') return refused('cancelled-before');
  await keys.put(key, { path, state: 'done' });
  return succeeded(output);
}

/** "Not done" is a promise, so it takes the key's seat. */
async function find(
  key: string,
  tables: Tables,
  answers: Readonly<Record<string, unknown>>,
): Promise<ProbeFinding> {
  const keys = tables.table<Entry>('keys');
  const entry = await keys.lock(key);
  if (entry?.state === 'done') return { outcome: 'succeeded', output: answers[entry.path] };
  if (entry === undefined) await keys.put(key, { path: 'none', state: 'tombstone' });
  return { outcome: 'not-done' };
}
