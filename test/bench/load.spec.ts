/**
 * Goal: the load takes no end for granted. Method: orders that end as they are told, placed in a closed loop of two clients.
 */
import { expect, test } from '@jest/globals';
import { Load, orderVariants } from './load.js';

const skus = ['SKU-1', 'SKU-2'];
const plan = { clients: 2, skus };

test('every tenth order goes where no carrier does, and a saga is what is meant where nothing is said', () => {
  const variants = orderVariants({ ...plan, protocol: 'saga' }, (body) => body);
  expect(variants).toHaveLength(20);
  expect(variants.filter(({ fate }) => fate === 'REJECTED')).toHaveLength(2);
  expect(variants[9]?.request.shipTo.country).toBe('AQ');
  expect(variants[0]?.request).not.toHaveProperty('protocol');
  expect(variants[0]).not.toHaveProperty('otherwise');
});

test('two-phase commit may give up what it was to confirm, and nothing else', () => {
  const variants = orderVariants({ ...plan, protocol: 'two-phase-commit' }, (body) => body);
  expect(variants[0]).toMatchObject({ fate: 'CONFIRMED', otherwise: 'REJECTED' });
  expect(variants[9]).not.toHaveProperty('otherwise');
  expect(variants[0]?.request.protocol).toBe('two-phase-commit');
});

test('ends are told apart: as fated, otherwise, and wrong', async () => {
  const ends = ['done', 'given up', 'lost', 'done'];
  let placed = 0;
  const all = Promise.withResolvers<void>();
  const load = new Load(plan, [{ fate: 'done', otherwise: 'given up', request: {} }], async () => {
    const end = ends[placed++];
    if (end !== undefined) return end;
    all.resolve();
    // The load stops before it is answered.
    await new Promise((resolve) => setImmediate(resolve));
    return 'done';
  });
  load.start();
  await all.promise;
  const result = await load.finish();
  expect(result).toMatchObject({ wrong: 1, otherwise: 1, samples: ['wanted done, found lost'] });
  expect(result.placed).toBe(placed);
});
