/** What a seed does to a stack: the same again, all of it in the end, and nothing that the stack does not offer. */
import { expect, test } from '@jest/globals';
import { seededRandom } from '@sagamore/primitives';
import { drawFaults, type Fault, type Targets } from './faults.js';

const targets: Targets = {
  processes: ['order', 'orchestrator', 'orchestrator-2', 'kafka', 'postgres'],
  links: ['kafka-payment', 'postgres-order'],
  hasSmallDisk: true,
};
function draw(seed: number, among = targets): readonly Fault[] {
  const faults = drawFaults(seededRandom(seed), among);
  return Array.from({ length: 200 }, () => faults.next().value);
}

test('one seed draws the same faults again, another draws others', () => {
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
});

test('every kind comes among the first ten', () => {
  const kinds = new Set(
    draw(3)
      .slice(0, 10)
      .map(({ kind }) => kind),
  );
  expect([...kinds].toSorted()).toEqual([
    'crash-postgres',
    'cut',
    'fill-disk',
    'kill',
    'pause',
    'slow',
    'terminate',
  ]);
});

test('what a stack does not offer is never drawn', () => {
  const kinds = draw(4, { ...targets, links: [], hasSmallDisk: false }).map(({ kind }) => kind);
  expect(kinds).not.toContain('cut');
  expect(kinds).not.toContain('slow');
  expect(kinds).not.toContain('fill-disk');
});

test('every target is drawn in the end', () => {
  const faults = draw(5);
  const killed = new Set(faults.flatMap((fault) => (fault.kind === 'kill' ? [fault.process] : [])));
  const cut = new Set(faults.flatMap((fault) => (fault.kind === 'cut' ? [fault.link] : [])));
  expect(killed).toEqual(new Set(targets.processes));
  expect(cut).toEqual(new Set(targets.links));
});
