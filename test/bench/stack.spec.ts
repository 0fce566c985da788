/**
 * Goal: as many orchestrators are started as were asked for, each with a name of its own. Method: the list alone.
 */
import { expect, test } from '@jest/globals';
import { processesOf } from './stack.js';

test('the first orchestrator bears the name of the service, and the order service comes last', () => {
  expect(processesOf(1).map(({ name }) => name)).toEqual([
    'inventory',
    'payment',
    'shipping',
    'orchestrator',
    'order',
  ]);
  expect(processesOf(3).slice(3)).toEqual([
    { service: 'orchestrator', name: 'orchestrator' },
    { service: 'orchestrator', name: 'orchestrator-2' },
    { service: 'orchestrator', name: 'orchestrator-3' },
    { service: 'order', name: 'order' },
  ]);
});
