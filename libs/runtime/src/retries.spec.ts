/**
 * Goal: every wait between two attempts lies within the documented backoff, and transactions that fail together do not come back
 * together. Method: many sagas over one participant that only fails; their journals say when each attempt was due.
 */
import { expect, test } from '@jest/globals';
import { failed, saga, sagaProtocol } from '@sagamore/engine';
import { firstUuidAt } from '@sagamore/primitives';
import { Orchestration } from '../../../test/support/orchestration.js';
import { trusted } from '../../../test/support/runtime.js';
import { Definitions } from './definitions.js';
import { operation } from './operation.js';

const retry = { attemptsMax: 5, baseMs: 100, maxMs: 300 };
const reserve = operation('stock.reserve', {
  input: trusted<object>(),
  output: trusted<unknown>(),
  undo: 'release',
});
const order = sagaProtocol(
  saga<object>('order', { version: 1 })
    .step('reserve', reserve, ({ input }) => input, { timeoutMs: 60_000, retry })
    .define(),
);
const ids = Array.from({ length: 20 }, (_, n) => firstUuidAt(1_763_800_000_000 + n));
const ill = failed({ code: 'DATABASE_UNAVAILABLE', message: 'away', retryable: true });

test('I35: the gaps between attempts lie within backoff and jitter, and sagas that fail together do not retry in step', async () => {
  const orchestration = new Orchestration(1);
  await orchestration.open();
  // The breaker would spare the participant, and this is about the waits alone.
  await orchestration.start('a', {
    definitions: new Definitions([order]),
    more: { window: { failuresToOpen: 1_000 } },
  });
  await orchestration.participate('stock.commands', ({ operation: half }) =>
    half === 'action' ? ill : { outcome: 'succeeded', output: {} },
  );
  for (const id of ids) await orchestration.begin(id, 'order');
  for (const id of ids) await orchestration.reaches(id, 'compensated', 20);

  const gaps = ids.map((id) =>
    orchestration
      .events(id)
      .flatMap((event) =>
        event.type === 'replied' && event.retryAt !== undefined ? [event.retryAt - event.at] : [],
      ),
  );
  for (const own of gaps) {
    expect(own).toHaveLength(retry.attemptsMax - 1);
    own.forEach((gap, index) => {
      expect(gap).toBeGreaterThanOrEqual(0);
      expect(gap).toBeLessThanOrEqual(Math.min(retry.maxMs, retry.baseMs * 2 ** index));
    });
  }
  const together = gaps.map((own) => own.join());
  expect(new Set(together).size).toBe(ids.length);
  await orchestration.close();
});
