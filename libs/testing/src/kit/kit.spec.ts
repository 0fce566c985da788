/**
 * Goal: what the kit tells of a saga is what the platform would do with it.
 * Method: small sagas of every shape, played with participants that answer, refuse, fail, are silent, slow or away.
 */
import { describe, expect, test } from '@jest/globals';
import { saga, refused } from '@sagamore/engine';
import { season, trip, chargeCard, operationOf } from './kit.fixture.js';
import {
  assertOutcome,
  fails,
  failsTimes,
  givenSaga,
  isAway,
  isBusyTimes,
  isHeld,
  keepsFailing,
  losesReply,
  missesTimes,
  refuses,
  SagaTestMistake,
  staysSilent,
  succeeds,
} from './kit.js';

const booked = givenSaga(trip)
  .withInput({ to: 'Oslo', days: 3 })
  .participants({
    flight: succeeds({ flightId: 'f-1' }),
    hotel: succeeds({ hotelId: 'h-1' }),
    charge: succeeds({ chargeId: 'c-1' }),
  });
const approved = booked.signal('approve', { approved: true });

describe('what came of it', () => {
  test('a saga that completes tells its output, its commands in order, and what stands', async () => {
    const run = await approved.run();
    assertOutcome(run, 'completed');
    expect(run.output).toBe('c-1');
    expect(run.commands).toEqual(['do flight', 'do hotel', 'do charge']);
    expect(run.standing).toEqual(['flight', 'hotel', 'charge']);
    expect(run.undone).toEqual([]);
    expect(run.timeline.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['flight', 'succeeded'],
      ['hotel', 'succeeded'],
      ['charge', 'succeeded'],
    ]);
  });

  test('S13: what was done before a refusal is undone in reverse, and nothing stands', async () => {
    const run = await approved.participants({ charge: refuses('card-declined') }).run();
    expect(run).toMatchObject({
      outcome: 'compensated',
      reason: { kind: 'refused', branchId: 'charge', refusal: { code: 'card-declined' } },
      undone: ['hotel', 'flight'],
      standing: [],
    });
  });

  test('S20: an undo that keeps failing parks the saga; healed and resumed it goes on', async () => {
    const refusedLate = approved.participants({
      flight: succeeds({ flightId: 'f-1' }).undoing(keepsFailing()),
      charge: refuses('card-declined'),
    });
    const parked = await refusedLate.run();
    expect(parked).toMatchObject({
      outcome: 'parked',
      reason: { kind: 'undo-failed', branchId: 'flight' },
      undone: ['hotel'],
      standing: ['flight'],
    });
    const healed = refusedLate
      .until('2026-01-01T12:00:00Z')
      .participants({ flight: succeeds({ flightId: 'f-1' }) })
      .resume();
    expect(await healed.run()).toMatchObject({ outcome: 'compensated', undone: ['hotel', 'flight'] });
  });

  test('an undo is told what is known of what it undoes', async () => {
    const run = await approved.participants({ charge: refuses('card-declined') }).run();
    const undo = run.calls.find(({ half, step }) => half === 'undo' && step === 'flight');
    expect(undo?.payload).toEqual({
      input: { to: 'Oslo' },
      outcome: 'succeeded',
      output: { flightId: 'f-1' },
    });
  });
});

describe('participants', () => {
  test('S19: what fails a few times is tried again, and the virtual clock shows the pauses', async () => {
    const flaky = failsTimes(3, succeeds({ chargeId: 'c-2' }));
    const run = await approved.participants({ charge: flaky }).run();
    expect(run).toMatchObject({ outcome: 'completed', output: 'c-2', tookMs: 200 + 400 + 800 });
    expect(run.calls.filter(({ step }) => step === 'charge').map(({ attempt }) => attempt)).toEqual([
      1, 2, 3, 4,
    ]);
  });

  test('S82: whoever asks for patience is not asked again before', async () => {
    const later = failsTimes(1, succeeds({ chargeId: 'c-2' }), { retryAfter: '30 seconds' });
    expect(await approved.participants({ charge: later }).run()).toMatchObject({ tookMs: 30_000 });
  });

  test('S79: what fails for good is tried once', async () => {
    const run = await approved.participants({ hotel: fails() }).run();
    expect(run.calls.filter(({ step, half }) => step === 'hotel' && half === 'do')).toHaveLength(1);
    expect(run).toMatchObject({ outcome: 'compensated', standing: [] });
  });

  test('S80: who is busy is polled, and no attempt is spent', async () => {
    const busy = isBusyTimes(20, succeeds({ chargeId: 'c-2' }));
    const run = await approved.participants({ charge: busy }).run();
    expect(run).toMatchObject({ outcome: 'completed', tookMs: 20_000 });
    expect(new Set(run.calls.map(({ attempt }) => attempt))).toEqual(new Set([1]));
  });

  test('S16: a step that never answered is undone too, and the barrier finds nothing to undo', async () => {
    const run = await approved.participants({ hotel: staysSilent() }).run();
    expect(run).toMatchObject({ outcome: 'compensated', undone: ['flight'], standing: [] });
    expect(run.commands).toEqual(['do flight', 'do hotel', 'undo hotel', 'undo flight']);
  });

  test('S16: what took effect although nobody heard of it is undone', async () => {
    const run = await approved.participants({ hotel: losesReply({ hotelId: 'h-1' }) }).run();
    expect(run).toMatchObject({ outcome: 'compensated', undone: ['hotel', 'flight'], standing: [] });
  });

  test('a lost command is sent again and has one effect', async () => {
    const lossy = missesTimes(2, succeeds({ hotelId: 'h-2' }));
    expect(await approved.participants({ hotel: lossy }).run()).toMatchObject({ outcome: 'completed' });
  });

  test('R6: a probe finds what took effect, promises what did not, and a person is asked where nobody answers', async () => {
    const found = await approved.participants({ charge: losesReply({ chargeId: 'c-9' }) }).run();
    expect(found).toMatchObject({ outcome: 'completed', output: 'c-9' });
    expect(found.commands.at(-1)).toBe('probe charge');
    const denied = await approved.participants({ charge: staysSilent() }).run();
    expect(denied).toMatchObject({ outcome: 'compensated', reason: { kind: 'timed-out' }, standing: [] });
    const nobody = await approved.participants({ charge: isAway() }).run();
    expect(nobody).toMatchObject({ outcome: 'parked', reason: { kind: 'timed-out', branchId: 'charge' } });
  });

  test('S17: an answer that comes while its undo is in hand is in the ledger of late ones', async () => {
    const slow = succeeds({ hotelId: 'h-1' }).after('55 seconds').undoing(succeeds().after('8 seconds'));
    const run = await approved.participants({ hotel: slow }).run();
    expect(run).toMatchObject({ outcome: 'compensated', undone: ['hotel', 'flight'], standing: [] });
    expect(run.lateReplies[0]).toMatchObject({ step: 'hotel', meaning: 'covered' });
  });

  test('a fake may depend on what it is asked with', async () => {
    const run = await givenSaga(trip)
      .withInput({ to: 'Oslo', days: 40 })
      .participants({
        flight: succeeds({ flightId: 'f-1' }),
        hotel: ({ nights }) => (nights > 30 ? refuses('too-long', { nights }) : succeeds({ hotelId: 'h' })),
      })
      .run();
    expect(run).toMatchObject({ reason: { refusal: { code: 'too-long', details: { nights: 40 } } } });
  });
});

describe('time and people', () => {
  test('S39: a signal that comes before its wait is kept for it', async () => {
    expect(await approved.now()).toMatchObject({ outcome: 'completed', tookMs: 0 });
  });

  test('a saga that waits says for what and until when; time alone ends it at the deadline', async () => {
    const waiting = await booked.now();
    expect(waiting).toMatchObject({
      outcome: 'waiting',
      waitingFor: [{ name: 'approve', for: 'signal', until: '2026-01-02T00:00:00.000Z' }],
    });
    const expired = await booked.run();
    expect(expired).toMatchObject({
      outcome: 'compensated',
      reason: { kind: 'timed-out', branchId: 'approve' },
      tookMs: 86_400_000,
    });
  });

  test('S34: a signal after the deadline changes nothing', async () => {
    const run = await booked.skip('1 day').signal('approve', { approved: true }).run();
    expect(run).toMatchObject({ outcome: 'compensated', unheard: ['signal approve'] });
  });

  test('S40: the same signal twice counts once', async () => {
    const twice = booked
      .settle()
      .signal('approve', { approved: true }, { id: 'one' })
      .signal('approve', { approved: true }, { id: 'one' });
    expect(await twice.run()).toMatchObject({ outcome: 'completed', unheard: ['signal approve'] });
  });

  test('S31: cancelled in the middle, what was asked for is awaited and undone; a second cancel changes nothing', async () => {
    const run = await booked.untilAsked('hotel').cancel().cancel().run();
    expect(run).toMatchObject({
      outcome: 'compensated',
      reason: { kind: 'cancelled', because: 'no longer wanted' },
      undone: ['hotel', 'flight'],
      unheard: ['cancel-requested'],
    });
  });

  test('S32: terminated, nothing is undone and everything that stands is named', async () => {
    const run = await booked.settle().terminate().run();
    expect(run).toMatchObject({
      outcome: 'terminated',
      reason: { kind: 'terminated', abandoned: ['flight', 'hotel'] },
      standing: ['flight', 'hotel'],
    });
  });

  test('S96: a paused saga sends nothing until it is resumed', async () => {
    const held = booked.settle().pause().signal('approve', { approved: true });
    const paused = await held.skip('3 days').now();
    expect(paused.commands).not.toContain('do charge');
    expect(await held.resume().run()).toMatchObject({ outcome: 'completed' });
  });

  test('S94: an operator settles a step in its participant’s place, once', async () => {
    const away = approved.participants({ charge: isAway() }).skip('1 hour');
    expect(await away.now()).toMatchObject({ outcome: 'parked' });
    const set = away.setResult('charge', { chargeId: 'by-hand' }).setResult('charge', { chargeId: 'again' });
    expect(await set.run()).toMatchObject({
      outcome: 'completed',
      output: 'by-hand',
      unheard: ['setResult charge'],
    });
  });

  test('S18: an orchestrator that dies in between asks again, and each effect happens once', async () => {
    const run = await booked.untilAsked('hotel').crash().signal('approve', { approved: true }).crash().run();
    expect(run).toMatchObject({ outcome: 'completed', standing: ['flight', 'hotel', 'charge'] });
    expect(run.calls.filter(({ step }) => step === 'hotel').length).toBeGreaterThan(1);
  });
});

describe('shapes', () => {
  const trips = [
    { to: 'Oslo', days: 3 },
    { to: 'Rome', days: 5 },
  ];
  const planned = givenSaga(season)
    .withInput({ trips })
    .participants({
      first: {
        flight: succeeds({ flightId: 'f-1' }),
        hotel: succeeds({ hotelId: 'h-1' }),
        charge: succeeds({ chargeId: 'c-1' }),
      },
      remind: succeeds(),
    });

  test('a child runs for real with its own participants, months pass at once, and a function of the host runs', async () => {
    const run = await planned.untilAsked('first').signal('first/approve', { approved: true }).run();
    assertOutcome(run, 'completed');
    expect(run.output).toEqual({ paid: 'c-1', count: 2 });
    expect(run.tookMs).toBe(30 * 86_400_000);
    expect(run.commands).toEqual([
      'do count',
      'do first',
      'do first/flight',
      'do first/hotel',
      'do first/charge',
      'do remind#0',
      'do remind#1',
    ]);
    expect(run.children['first']?.outcome).toBe('completed');
  });

  test('S23, S24: a later pass fails: passes are undone in reverse, then the child as one step in its own order', async () => {
    const run = await planned
      .participants({ remind: (_day, { pass }) => (pass === 1 ? refuses('no-such-day') : succeeds()) })
      .untilAsked('first')
      .signal('first/approve', { approved: true })
      .run();
    expect(run).toMatchObject({
      outcome: 'compensated',
      undone: ['remind#0', 'first/charge', 'first/hotel', 'first/flight', 'first'],
      standing: ['count'],
    });
  });

  test('a fake may stand for a whole child', async () => {
    const run = await planned.participants({ first: succeeds('c-7') }).run();
    expect(run).toMatchObject({ outcome: 'completed', output: { paid: 'c-7', count: 2 } });
    expect(run.commands).not.toContain('do first/flight');
  });

  test('S25: a child whose undo is blocked is named as the blocker', async () => {
    const run = await planned
      .participants({
        first: {
          flight: succeeds({ flightId: 'f-1' }).undoing(refuses('flown')),
          hotel: succeeds({ hotelId: 'h-1' }),
          charge: succeeds({ chargeId: 'c-1' }),
        },
        remind: refuses('no-such-day'),
      })
      .untilAsked('first')
      .signal('first/approve', { approved: true })
      .run();
    expect(run).toMatchObject({ outcome: 'parked', reason: { branchId: 'first' } });
    expect(run.children['first']).toMatchObject({ outcome: 'parked', reason: { kind: 'undo-refused' } });
  });

  test('a function of the host may refuse, wait for a promise, and be played by a fake', async () => {
    const judged = saga<{ readonly age: number }>('judged', { version: 1 })
      .local('judge', async ({ input }) => (input.age < 18 ? refused('too-young') : 'adult'))
      .returns(({ results }) => results.judge)
      .define();
    expect(await givenSaga(judged).withInput({ age: 40 }).run()).toMatchObject({ output: 'adult' });
    const young = givenSaga(judged).withInput({ age: 4 });
    expect(await young.run()).toMatchObject({ reason: { refusal: { code: 'too-young' } } });
    expect(await young.participants({ judge: succeeds('adult') }).run()).toMatchObject({
      output: 'adult',
    });
  });
});

test('S101: a key is free unless it is said to be held: then the saga waits for it, or fails, as it declares', async () => {
  const seated = (policy: 'wait' | 'fail') =>
    givenSaga(
      saga<{ readonly seat: string }>('seated', { version: 1 })
        .lock('hold-seat', ({ input }) => `seat:${input.seat}`, { policy })
        .step('charge', chargeCard, ({ input }) => ({ flightId: input.seat }))
        .define(),
    )
      .withInput({ seat: '7A' })
      .participants({ charge: succeeds({ chargeId: 'c' }) });
  expect(await seated('wait').run()).toMatchObject({ outcome: 'completed', tookMs: 0 });
  const held = { 'hold-seat': isHeld('2 minutes', { by: 'other' }) };
  expect(await seated('wait').participants(held).run()).toMatchObject({ tookMs: 120_000 });
  expect(await seated('wait').participants({ 'hold-seat': isHeld() }).run()).toMatchObject({
    outcome: 'waiting',
    waitingFor: [{ name: 'hold-seat', for: 'lock' }],
  });
  expect(await seated('fail').participants(held).run()).toMatchObject({
    outcome: 'compensated',
    reason: { refusal: { code: 'locked', details: { by: ['other'] } } },
  });
});

test('S79: a function that throws is a bug: the saga goes back, and the error is in hand', async () => {
  const broken = saga<object>('broken', { version: 1 })
    .step('charge', chargeCard, () => ({ flightId: 'f' }))
    .local('judge', () => {
      throw new TypeError('no such thing');
    })
    .define();
  const charged = { charge: succeeds({ chargeId: 'c' }) };
  const run = await givenSaga(broken).withInput({}).participants(charged).run();
  expect(run).toMatchObject({ outcome: 'compensated', undone: ['charge'] });
  expect(run.bugs).toEqual([new TypeError('no such thing')]);
});

describe('mistakes say what to do next', () => {
  test.each([
    [
      'nobody plays a step',
      givenSaga(trip).withInput({ to: 'Oslo', days: 1 }),
      /\.participants\(\{ 'flight': succeeds\(…\) \}\)/,
    ],
    ['a step is never asked for', booked.untilAsked('charge'), /never asked for[\s\S]*\+1\.0 days/],
    ['an instant has passed', booked.until('2025-01-01T00:00:00Z'), /it is 2026-01-01/],
  ])('%s', async (_what, script, message) => {
    await expect(script.run()).rejects.toThrow(SagaTestMistake);
    await expect(script.run()).rejects.toThrow(message);
  });

  test('a child that has not begun cannot be spoken to', async () => {
    const script = givenSaga(season).withInput({ trips: [] }).signal('first/approve', { approved: true });
    await expect(script.run()).rejects.toThrow(/\.untilAsked\('first'\)/);
  });

  test('another end than the wanted one tells the story', async () => {
    const run = await approved.participants({ charge: refuses('card-declined') }).run();
    expect(() => assertOutcome(run, 'completed')).toThrow(
      /compensated \(refused at charge\)[\s\S]*no: card-declined/,
    );
  });

  test('a definition that is not pure is found out', async () => {
    let calls = 0;
    const impure = saga<object>('impure', { version: 1 })
      .step('charge', chargeCard, () => ({ flightId: `f-${calls++}` }))
      .define();
    const script = givenSaga(impure)
      .withInput({})
      .participants({ charge: succeeds({ chargeId: 'c' }) });
    await expect(script.run()).rejects.toThrow(/not pure/);
  });

  test('a definition that throws parks the saga, and the error is in hand', async () => {
    const broken = saga<object>('broken', { version: 1 })
      .step('charge', chargeCard, () => ({ flightId: 'f' }))
      .step('again', operationOf<null, null>('again'), () => {
        throw new Error('no such field');
      })
      .define();
    const run = await givenSaga(broken)
      .withInput({})
      .participants({ charge: succeeds({ chargeId: 'c' }) })
      .run();
    expect(run).toMatchObject({
      outcome: 'parked',
      reason: { kind: 'bug' },
      bugs: [new Error('no such field')],
    });
  });
});

test('what does not fit the saga does not compile', () => {
  // Compiled, never run: each refusal below is the compiler's.
  const neverRun = () => {
    // @ts-expect-error the saga has no such step
    booked.participants({ car: succeeds({}) });
    // @ts-expect-error the step answers something else
    booked.participants({ flight: succeeds({ flight: 'f-1' }) });
    // @ts-expect-error after its failures the step must answer what it answers
    booked.participants({ flight: failsTimes(2) });
    // @ts-expect-error nobody plays a signal
    booked.participants({ approve: succeeds({ approved: true }) });
    // @ts-expect-error the input is another
    booked.participants({ hotel: ({ days }) => succeeds({ hotelId: `${days}` }) });
    // @ts-expect-error no such signal
    booked.signal('agree', { approved: true });
    // @ts-expect-error the signal carries something else
    booked.signal('approve', { yes: true });
    // @ts-expect-error no such step
    booked.untilAsked('car');
    // @ts-expect-error the step answers something else
    booked.setResult('charge', { flightId: 'f' });
    // @ts-expect-error the saga begins with something else
    givenSaga(trip).withInput({ to: 'Oslo' });
    const planned = givenSaga(season).withInput({ trips: [] });
    // @ts-expect-error the child has no such step
    planned.participants({ first: { car: succeeds({}) } });
    // @ts-expect-error no length of time
    booked.skip('three days');
  };
  expect(neverRun).toBeInstanceOf(Function);
});
