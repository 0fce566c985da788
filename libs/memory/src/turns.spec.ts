/**
 * Goal: whoever has the most goes next, nobody waits for ever, and no turn is lost.
 * Method: deliveries that end when the test says so; what waits for each is a number that the test sets.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Turns } from './turns.js';

/** Runs deliveries one at a time and tells in which order they began. */
class Stage {
  readonly begun: string[] = [];
  private readonly turns = new Turns(1);
  private endTurn: () => void = () => {};

  ask(name: string, lag: number): Promise<void> {
    return this.turns.run(
      () => lag,
      () => {
        this.begun.push(name);
        return new Promise((resolve) => (this.endTurn = resolve));
      },
    );
  }

  /** Ends the delivery in hand, and waits until the next has begun. */
  async next(): Promise<void> {
    this.endTurn();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('the one for whom the most waits goes next; of equals the one who came first', async () => {
  const stage = new Stage();
  void stage.ask('running', 0);
  for (const [name, lag] of [
    ['few', 1],
    ['many', 9],
    ['some', 5],
    ['as many', 9],
  ] as const)
    void stage.ask(name, lag);
  for (let turn = 0; turn < 4; turn++) await stage.next();
  expect(stage.begun).toEqual(['running', 'many', 'as many', 'some', 'few']);
});

test('nobody is passed over more than eight times', async () => {
  const stage = new Stage();
  void stage.ask('running', 0);
  void stage.ask('little', 1);
  for (let round = 0; round < 9; round++) {
    void stage.ask(`much ${round}`, 100);
    await stage.next();
  }
  expect(stage.begun.indexOf('little')).toBe(9);
});

test('a delivery that fails gives its turn on, and its failure to whoever asked', async () => {
  const turns = new Turns(1);
  const failing = turns.run(
    () => 1,
    () => Promise.reject(new Error('no')),
  );
  const after = turns.run(
    () => 1,
    async () => {},
  );
  await expect(failing).rejects.toThrow('no');
  await after;
});

test('every delivery runs once, and never more at one time than may', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.nat(20), { maxLength: 30 }),
      async (max, lags) => {
        const turns = new Turns(max);
        let running = 0;
        let most = 0;
        const ran = await Promise.all(
          lags.map(async (lag, index) => {
            let times = 0;
            await turns.run(
              () => lag,
              async () => {
                most = Math.max(most, ++running);
                times++;
                await new Promise((resolve) => setImmediate(resolve));
                running--;
              },
            );
            return { index, times };
          }),
        );
        expect(ran.every(({ times }) => times === 1)).toBe(true);
        expect(most).toBeLessThanOrEqual(max);
        expect(running).toBe(0);
      },
    ),
  );
});
