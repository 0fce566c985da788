/**
 * Goal: the explorer finds what is wrong in a saga's participants and tells the smallest schedule that shows it.
 * Method: one small saga with one bug at a time; nothing but what the explorer tells is believed.
 */
import { describe, expect, jest, test } from '@jest/globals';
import { refused, succeeded } from '@sagamore/engine';
import {
  assertWithstands,
  does,
  exploration,
  ExplorationMistake,
  explore,
  type Explored,
  type Service,
} from './explorer.js';
import {
  hotel,
  lendBook,
  lendingWith,
  shelf,
  shelfThatAcknowledgesEarly,
  shelfWithoutBarrier,
  shelfWithoutSeats,
  stayingWith,
  takeBook,
  type Shelf,
} from './explorer.fixture.js';

jest.setTimeout(120_000);

/** What is said of a saga with this shelf: the moves of the smallest schedule, and what is wrong then. */
async function foundWith(
  makeShelf: () => Shelf,
): Promise<Pick<Explored['failure'] & object, 'told' | 'findings'>> {
  const { failure } = await explore(lendingWith(makeShelf), { pairsMax: 0 });
  if (failure === undefined) throw new Error('nothing was found');
  return { told: failure.told, findings: failure.findings };
}

describe('a planted bug', () => {
  test('S1: a handler without barrier does twice what comes twice', async () => {
    expect(await foundWith(shelfWithoutBarrier)).toEqual({
      told: ['the command to do "book" is delivered twice'],
      findings: ['it completed, but copies / Emma: 2 was expected, found 1'],
    });
  });

  test('I15: an undo that is not the inverse of its action shows as soon as it is needed', async () => {
    expect(await foundWith(() => shelf({ puttingBack: 2 }))).toEqual({
      told: ['"deposit" is refused'],
      findings: ['everything was undone, but copies / Emma: 3 was expected, found 4'],
    });
  });

  test('S47: an acknowledgement before the commit loses what was acknowledged', async () => {
    expect(await foundWith(shelfThatAcknowledgesEarly)).toEqual({
      told: ['shelf is killed after it has sent the answer to do "book"'],
      findings: ['it completed, but copies / Emma: 2 was expected, found 3'],
    });
  });

  test('I14: an action that may come behind its undo is done for nobody', async () => {
    const { told, findings } = await foundWith(shelfWithoutSeats);
    expect(told).toEqual(['the command to do "book" is delayed until everything else has come to rest']);
    expect(findings).toEqual(['it completed, but copies / Emma: 2 was expected, found 1']);
  });

  test('R7: an effect outside of the transaction is had again after a crash', async () => {
    const { told, findings } = await foundWith(shelfThatCounts);
    expect(told).toEqual(['shelf is killed before it commits that it has done "book"']);
    expect(findings).toEqual(['loan of Emma took effect more than once']);
  });

  test('S1: a participant over HTTP that forgets its keys does twice what comes twice', async () => {
    const { failure } = await explore(
      stayingWith(() => hotel({ keepsKeys: false })),
      { pairsMax: 0 },
    );
    expect(failure?.told).toEqual(['the command to do "room" is delivered twice']);
  });

  test('the report tells the schedule, what is wrong and what happened, and the assertion throws it', async () => {
    const explored = await explore(lendingWith(() => shelf({ puttingBack: 2 })));
    const report = explored.report();
    expect(report).toContain('the smallest schedule that fails:\n  1. "deposit" is refused\n');
    expect(report).toContain('  - everything was undone, but copies / Emma: 3 was expected, found 4\n');
    expect(report).toMatch(/ ms {2}shelf commits that it has undone "book"/);
    expect(() => assertWithstands(explored)).toThrow(report);
  });
});

describe('what cannot be judged', () => {
  test('I44: one exploration is the same every time', async () => {
    const once = await explore(lendingWith(shelfWithoutBarrier), { pairsMax: 0 });
    const again = await explore(lendingWith(shelfWithoutBarrier), { pairsMax: 0 });
    expect({ ...again, report: again.report() }).toEqual({ ...once, report: once.report() });
  });

  test('a cast that leaves something to the next run is told so', async () => {
    const one = shelfThatRemembers();
    await expect(explore(lendingWith(() => one))).rejects.toThrow(ExplorationMistake);
  });

  test('somebody who takes part and is not there is asked for by name', async () => {
    const cast = () => ({ services: { shelf: shelf() } });
    const input = { title: 'Emma', reader: 'ada' };
    await expect(explore(exploration(lendBook, { input, cast }))).rejects.toThrow(
      '"till" takes part in lend-book and the cast has no such service (it has: shelf)',
    );
  });

  test('a step that nobody handles fails without any fault, and says whose it is', async () => {
    const cast = () => ({ services: { shelf: { handlers: [] }, till: { handlers: [] } } });
    const input = { title: 'Emma', reader: 'ada' };
    const { failure } = await explore(exploration(lendBook, { input, cast }));
    expect(failure?.told).toEqual([]);
    expect(failure?.findings[0]).toBe(
      'a message of shelf.commands could not be handled and was buried: no handler for shelf.take',
    );
  });
});

/** Its loans stand outside of the transaction, where no rollback reaches them. */
function shelfThatCounts(): Shelf {
  const loans: string[] = [];
  return {
    ...shelf({ onTake: () => void loans.push('loan of Emma') }),
    loans,
  };
}

function shelfThatRemembers(): Service {
  let lent = 0;
  return {
    handlers: [does(takeBook, () => (lent++ === 0 ? succeeded({ left: 0 }) : refused('all-lent')))],
  };
}
