/**
 * Goal: what a called participant was asked for and what it answered survive crashes, repeats and impatience.
 * Method: a coordinator over memory whose calls are answered when the spec lets them; no HTTP (that is the adapter's).
 */
import {
  failed,
  refused,
  saga,
  sagaProtocol,
  succeeded,
  type ProbeFinding,
  type Reply,
} from '@sagamore/engine';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { host, startOf, statusOf, type Hosting } from '../../../test/support/coordinator.js';
import {
  RuntimeRig,
  transactionOne,
  transactionThree,
  transactionTwo,
  trusted,
} from '../../../test/support/runtime.js';
import type { CommandData, Message } from './message.js';
import { operation } from './operation.js';
import { ParticipantCalls } from './ports.js';

interface Call {
  readonly type: string;
  readonly id: string;
  readonly attempt: number;
  answer(reply: Reply | ProbeFinding | undefined): void;
}

/** Answers when it is told to. */
class HandCalls extends ParticipantCalls {
  readonly made: Call[] = [];

  override call(command: Message<CommandData>): Promise<Reply | undefined> {
    return this.make<Reply>(command);
  }

  override probe(probe: Message<CommandData>): Promise<ProbeFinding | undefined> {
    return this.make<ProbeFinding>(probe);
  }

  private make<T>({ type, key: id, data }: Message<CommandData>): Promise<T | undefined> {
    return new Promise((resolve) => {
      const answer = resolve as Call['answer'];
      this.made.push({ type, id, attempt: data.attempt, answer });
    });
  }
}

const numbered = {
  '~standard': {
    version: 1 as const,
    vendor: 'sagamore',
    validate: (value: unknown) =>
      typeof value === 'object' && value !== null && 'number' in value
        ? { value: value as { readonly number: number } }
        : { issues: [{ message: 'wanted', path: ['number'] }] },
  },
};
const book = operation('hotel.book', {
  input: trusted<unknown>(),
  output: numbered,
  undo: 'cancel',
  transport: 'http',
});
const pay = operation('bank.pay', { input: trusted<unknown>(), output: trusted<unknown>(), undo: 'refund' });

const quick = {
  timeoutMs: 100,
  retry: { attemptsMax: 2, baseMs: 10, maxMs: 20 },
  undoRetry: { attemptsMax: 2, baseMs: 10, maxMs: 20 },
  inProgressPollMs: 50,
};
const trip = (options: Partial<Parameters<typeof definition>[0]> = {}) => sagaProtocol(definition(options));

function definition(options: { readonly onUnknown?: 'compensate' | 'probe' | 'ask' }) {
  return saga('trip', { version: 1 })
    .step('book-hotel', book, () => ({ nights: 2 }), { ...quick, ...options })
    .step('pay', pay, ({ results }) => results['book-hotel'], quick)
    .define();
}

let rig: RuntimeRig;
let calls: HandCalls;
let paid: Message<CommandData>[];
let running: Awaited<ReturnType<typeof host>>[];

beforeEach(async () => {
  rig = new RuntimeRig();
  calls = new HandCalls();
  paid = (await rig.listen('bank.commands')) as Message<CommandData>[];
  running = [];
});
afterEach(async () => {
  for (const { answer } of calls.made) answer(undefined);
  await Promise.all(running.map(({ coordinator }) => coordinator.stop()));
});

async function serve(hosting: Partial<Hosting> = {}) {
  const process = await host(rig, { protocols: [trip()], ports: { calls }, ...hosting });
  running.push(process);
  return process;
}

const begin = (...ids: readonly string[]) => rig.process().bus.send(ids.map((id) => startOf(id, 'trip')));
const made = (): readonly string[] => calls.made.map(({ type, attempt }) => `${type} ${attempt}`);
const ended = (status: string) => rig.until(() => statusOf(rig, transactionOne) === status, 10);
const commandsOnTopic = () => rig.listen('hotel.commands');

describe('CalledBranches', () => {
  test('the call is made after the commit that asks for it, and its answer leads on', async () => {
    const sent = await commandsOnTopic();
    await serve();
    await begin(transactionOne);
    await rig.until(() => calls.made.length === 1);
    expect(statusOf(rig, transactionOne)).toBeDefined();
    calls.made[0]!.answer(succeeded({ number: 7 }));
    await rig.until(() => paid.length === 1, 10);
    expect(paid[0]!.data.payload).toEqual({ number: 7 });
    expect(sent).toEqual([]);
  });

  test('S18: a call that a crash cut off is made again by the next owner, under the same branch', async () => {
    const { die } = await serve();
    await begin(transactionOne);
    await rig.until(() => calls.made.length === 1);
    die();
    running.length = 0;
    await serve({ owner: 'b' });
    await rig.until(() => calls.made.length === 2);
    expect(calls.made.map(({ id }) => id)).toEqual([transactionOne, transactionOne]);
    calls.made[1]!.answer(succeeded({ number: 7 }));
    await rig.until(() => paid.length === 1, 10);
  });

  test('S79: an answer that no retry would better is not asked for again', async () => {
    await serve();
    await begin(transactionOne);
    await rig.until(() => calls.made.length === 1);
    calls.made[0]!.answer(failed({ code: 'PROVIDER_REJECTED', message: 'status 400', retryable: false }));
    await rig.until(() => calls.made.length === 2, 10);
    // Whether it took effect nobody knows, so it is undone.
    expect(made()).toEqual(['hotel.book 1', 'hotel.cancel 1']);
    calls.made[1]!.answer({ outcome: 'succeeded', output: {}, empty: true });
    await ended('compensated');
  });

  test('S80: "in progress" is asked again at its own pace and spends no attempt', async () => {
    await serve();
    await begin(transactionOne);
    for (let count = 1; count <= 6; count++) {
      await rig.until(() => calls.made.length === count, 10);
      calls.made[count - 1]!.answer({ outcome: 'in-progress' });
    }
    await rig.until(() => calls.made.length === 7, 10);
    expect(new Set(made())).toEqual(new Set(['hotel.book 1']));
    calls.made[6]!.answer(succeeded({ number: 1 }));
    await rig.until(() => paid.length === 1, 10);
  });

  test('S82: a participant that asks for patience is not called earlier', async () => {
    await serve();
    await begin(transactionOne);
    await rig.until(() => calls.made.length === 1);
    const away = {
      code: 'PROVIDER_UNAVAILABLE',
      message: 'status 503',
      retryable: true,
      retryAfterMs: 30_000,
    };
    calls.made[0]!.answer(failed(away));
    const from = rig.clock.now();
    await rig.until(() => calls.made.length === 2, 500);
    expect(rig.clock.now() - from).toBeGreaterThanOrEqual(30_000);
  });

  test('B75: an answer that does not fit its schema is not built upon; it may have happened, so it is undone', async () => {
    await serve();
    await begin(transactionOne);
    await rig.until(() => calls.made.length === 1);
    calls.made[0]!.answer(succeeded({ room: 'the other hotel' }));
    await rig.until(() => calls.made.length === 2, 10);
    expect(made()).toEqual(['hotel.book 1', 'hotel.cancel 1']);
  });

  test('S14, R8: an undo waits for the call of its own action, and is called when that has ended', async () => {
    await serve();
    await begin(transactionOne);
    await rig.until(() => calls.made.length === 1);
    // Its attempts time out while the call is still open.
    await ended('compensating');
    await rig.settle();
    expect(made()).toEqual(['hotel.book 1']);
    calls.made[0]!.answer(succeeded({ number: 7 }));
    await rig.until(() => calls.made.length === 2, 10);
    expect(made()).toEqual(['hotel.book 1', 'hotel.cancel 1']);
    calls.made[1]!.answer(succeeded({}));
    await ended('compensated');
  });

  test('R6: what a probe finds over a call leads on; what nobody can say is asked again, then left to a person', async () => {
    await serve({ protocols: [trip({ onUnknown: 'probe' })] });
    await begin(transactionOne);
    await rig.until(() => calls.made.length === 1);
    calls.made[0]!.answer(failed({ code: 'PROVIDER_REJECTED', message: 'status 400', retryable: false }));
    await rig.until(() => calls.made.length === 2, 10);
    expect(made()[1]).toBe('hotel.probe 1');
    calls.made[1]!.answer(undefined);
    await rig.until(() => calls.made.length === 3, 10);
    calls.made[2]!.answer({ outcome: 'succeeded', output: { number: 3 } });
    await rig.until(() => paid.length === 1, 10);
    expect(paid[0]!.data.payload).toEqual({ number: 3 });
  });

  test('S87, S88: a hung participant takes its own places alone, and an undo finds a place of its own', async () => {
    await serve({ callsMax: 1 });
    await begin(transactionOne, transactionTwo);
    await rig.until(() => calls.made.length === 1);
    await rig.settle();
    expect(calls.made).toHaveLength(1);
    calls.made[0]!.answer(failed({ code: 'PROVIDER_REJECTED', message: 'status 400', retryable: false }));
    // The second transaction's call takes the place and hangs; the first one's undo goes out beside it.
    await rig.until(() => calls.made.length === 3, 10);
    expect([...made()].sort()).toEqual(['hotel.book 1', 'hotel.book 1', 'hotel.cancel 1']);
  });

  test("R10: what waited for a place is not called any more once the shard is another process's", async () => {
    const { coordinator } = await serve({ callsMax: 1 });
    await begin(transactionOne, transactionTwo, transactionThree);
    await rig.until(() => calls.made.length === 1);
    const stopping = coordinator.stop();
    calls.made[0]!.answer(succeeded({ number: 1 }));
    await stopping;
    await rig.settle();
    expect(calls.made).toHaveLength(1);
  });

  test('a refusal is an answer: nothing is called to undo it', async () => {
    await serve();
    await begin(transactionOne);
    await rig.until(() => calls.made.length === 1);
    calls.made[0]!.answer(refused('fully-booked'));
    await ended('compensated');
    expect(made()).toEqual(['hotel.book 1']);
  });
});

test('who is called and cannot be is found at start', async () => {
  await expect(host(rig, { protocols: [trip()] })).rejects.toThrow(
    'hotel.book is called, and there is no port',
  );
});
