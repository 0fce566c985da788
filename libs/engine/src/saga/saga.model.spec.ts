/**
 * Goal: whatever a saga's shape and whatever goes wrong, what really happened in the end is what was promised.
 * Method: fast-check draws a tree of shapes and a seed of accidents; the saga told from the tree runs in an unkind world
 * of real effects, which then heals. The reference reads the tree alone: which branches a completed saga has done, and
 * which of them comes before which. A failure prints its seed and shrinks to the smallest tree.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { SagaOptions } from './saga.definition.js';
import { options, shapes, Teller, type Promised, type Shape } from './saga.tree.example.js';
import { World } from './saga.world.example.js';

const numRuns = 2_000;

interface Story {
  readonly world: World;
  readonly promised: Promised;
  readonly isOver: boolean;
  readonly policy: SagaOptions;
}

function live(drawn: readonly Shape[], policy: SagaOptions, tail: number, seed: number): Story {
  const [definition, promised] = new Teller(policy).define('drawn', drawn, tail);
  const world = new World(seed);
  world.begin('tx', definition);
  world.rage(60);
  return { world, promised, isOver: world.heal(3_000), policy };
}

function forEveryStory(check: (story: Story) => void, runs = numRuns, seed?: number): void {
  const story = fc.tuple(shapes, options, fc.nat({ max: 3 }), fc.integer());
  fc.assert(
    fc.property(story, ([drawn, policy, tail, luck]) => check(live(drawn, policy, tail, luck))),
    { numRuns: runs, ...(seed !== undefined && { seed }) },
  );
}

const statusOf = ({ world }: Story, tx = 'tx') => world.runs.get(tx)?.state.status;

describe('for every shape of a saga and every accident', () => {
  test('it comes to an end once the world heals, and what stands is what the end says, children included', () => {
    forEveryStory((story) => {
      expect(story.isOver).toBe(true);
      checkEffects(story, 'tx', story.promised);
    });
  });

  test('the stories drawn here reach both ends, with all kinds of branches, or this would prove little', () => {
    const reached = new Set<string>();
    forEveryStory(
      (story) => {
        reached.add(statusOf(story) ?? 'none');
        for (const { what, half, branchId } of story.world.deeds)
          reached.add(`${what} ${half} ${branchId[0]}`);
        for (const { events } of story.world.runs.values()) for (const { type } of events) reached.add(type);
      },
      500,
      1,
    );
    const halves = ['s', 'l', 'o'].flatMap((k) => [`effect action ${k}`, `undone compensation ${k}`]);
    const events = ['probed', 'parent-asked', 'cancel-requested', 'operator-paused', 'operator-resumed'];
    expect([...reached]).toEqual(
      expect.arrayContaining([
        'completed',
        'compensated',
        ...halves,
        ...events,
        'ask compensation c',
        'effect action p',
      ]),
    );
  });

  test('I12, I13: each branch takes effect at most once and is undone at most once', () => {
    forEveryStory(({ world }) => {
      const effects = world.deeds.filter(({ what }) => what !== 'ask');
      const keys = effects.map(({ what, tx, branchId }) => `${what} ${tx} ${branchId}`);
      expect(keys).toEqual([...new Set(keys)]);
    });
  });

  test('I16, S13, S15: nothing is asked for before what it stands behind is done, nor undone before what stands behind it', () => {
    forEveryStory((story) => checkOrder(story, 'tx', story.promised));
  });

  test('I13, S14: no action is asked for once an undo of the same saga was', () => {
    forEveryStory(({ world }) => {
      for (const tx of world.runs.keys()) {
        const asked = world.deeds.filter((deed) => deed.tx === tx && deed.what === 'ask');
        const firstUndo = asked.findIndex(({ half }) => half === 'compensation');
        const later = firstUndo < 0 ? [] : asked.slice(firstUndo).filter(({ half }) => half === 'action');
        expect(later).toEqual([]);
      }
    });
  });
});

/** I15: a completed saga has done all that its tree promises, once and for all; a compensated one, nothing. */
function checkEffects(story: Story, tx: string, promised: Promised): void {
  const status = statusOf(story, tx);
  const standing = story.world.standing(tx).toSorted();
  const isChild = (branch: string) => promised.children.has(branch);
  if (status === 'completed') {
    expect(standing).toEqual(promised.branches.filter((branch) => !isChild(branch)).toSorted());
    for (const branch of promised.children.keys())
      expect(statusOf(story, `${tx}/${branch}`)).toBe('completed');
  } else {
    expect([status, standing]).toEqual(['compensated', []]);
    for (const branch of promised.children.keys())
      expect([undefined, 'compensated']).toContain(statusOf(story, `${tx}/${branch}`));
  }
  for (const [branch, of] of promised.children)
    if (story.world.runs.has(`${tx}/${branch}`)) checkEffects(story, `${tx}/${branch}`, of);
}

function checkOrder(story: Story, tx: string, promised: Promised): void {
  const { deeds } = story.world;
  const at = (what: string, branchId: string, half: string) =>
    deeds.findIndex(
      (deed) => deed.what === what && deed.tx === tx && deed.branchId === branchId && deed.half === half,
    );
  for (const [before, behind] of promised.order) {
    if (promised.children.has(before) || promised.children.has(behind)) continue;
    const asked = at('ask', behind, 'action');
    if (asked >= 0) expect(at('effect', before, 'action')).toBeLessThan(asked);
    if (asked >= 0) expect(at('effect', before, 'action')).toBeGreaterThanOrEqual(0);
    const undo = at('ask', before, 'compensation');
    if (undo < 0 || at('ask', behind, 'compensation') < 0 || story.policy.onUndoFailure === 'continue')
      continue;
    expect(at('undone', behind, 'compensation')).toBeLessThan(undo);
  }
  for (const [branch, of] of promised.children) checkOrder(story, `${tx}/${branch}`, of);
}
