/**
 * Goal: an action whose answer never came is inquired about until somebody knows, across crashes (R6, R23).
 * Method: a coordinator over memory; the test is the participant, or a real one stands behind the topic.
 */
import { saga, sagaProtocol, succeeded, type ProbeFinding, type Reply } from '@sagamore/engine';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { answerTo, host, inboxMessage, startOf, statusOf } from '../../../test/support/coordinator.js';
import { RuntimeRig, transactionOne, trusted } from '../../../test/support/runtime.js';
import type { CommandData, Message } from './message.js';
import { operation } from './operation.js';
import { Participant } from './participant.js';
import { probeTypeOf, type ProbeData, type ProbedData } from './probe.js';

const declared = { input: trusted<unknown>(), output: trusted<unknown>() };
const take = operation('stock.take', { ...declared, undo: 'return' });
const confirm = operation('stock.confirm', declared);
const quick = {
  timeoutMs: 100,
  retry: { attemptsMax: 1, baseMs: 10, maxMs: 20 },
  inProgressPollMs: 50,
  onUnknown: 'probe',
} as const;

const reserve = sagaProtocol(
  saga('reserve', { version: 1 })
    .step('take', take, () => ({ sku: 'a' }), quick)
    .define(),
);
const decide = sagaProtocol(
  saga('decide', { version: 1 })
    .step('take', take, () => ({ sku: 'a' }), quick)
    .step('confirm', confirm, () => ({}), { ...quick, pivot: true })
    .define(),
);

let rig: RuntimeRig;
let asked: Message<CommandData>[];

beforeEach(async () => {
  rig = new RuntimeRig();
  asked = (await rig.listen('stock.commands')) as Message<CommandData>[];
});

const send = (...messages: readonly Message[]) => rig.process().bus.send(messages);
const typesOf = (): readonly string[] => asked.map(({ type, data }) => `${type} ${data.attempt}`);

function found({ id, data }: Message<CommandData>, finding: ProbeFinding): Message<ProbedData> {
  const { transactionId, branchId, generation, attempt } = data;
  return inboxMessage(`${id}/${finding.outcome}`, 'found', {
    transactionId,
    branchId,
    generation,
    attempt,
    finding,
  });
}

/** Starts a transaction and says nothing until the first probe comes. */
async function untilProbed(definition: string): Promise<Message<CommandData>> {
  await send(startOf(transactionOne, definition));
  await rig.until(() => asked.length === 1, 10);
  if (definition === 'decide') await send(answerTo(asked[0]!, succeeded({})));
  await rig.until(() => asked.some(({ type }) => type === probeTypeOf('stock')), 10);
  return asked.at(-1)!;
}

describe('Coordinator, probes', () => {
  test('R6: the probe names the action as it was asked for, and where to answer', async () => {
    await host(rig, { protocols: [reserve] });
    const probe = (await untilProbed('reserve')) as Message<ProbeData>;
    expect(probe).toMatchObject({ topic: 'stock.commands', key: transactionOne });
    expect(probe.data).toEqual({ ...asked[0]!.data, attempt: 1, messageType: 'stock.take' });
  });

  test('R6: what was done after all goes on, and what was not is forgotten', async () => {
    await host(rig, { protocols: [reserve] });
    await send(found(await untilProbed('reserve'), { outcome: 'succeeded', output: {} }));
    await rig.until(() => statusOf(rig, transactionOne) === 'completed');
    rig = new RuntimeRig();
    asked = (await rig.listen('stock.commands')) as Message<CommandData>[];
    await host(rig, { protocols: [reserve] });
    await send(found(await untilProbed('reserve'), { outcome: 'not-done' }));
    await rig.until(() => statusOf(rig, transactionOne) === 'compensated');
    expect(typesOf()).toEqual(['stock.take 1', 'stock.probe 1']);
  });

  test('S18, R6: a probe that a crash swallowed is sent again by the next owner', async () => {
    const { die } = await host(rig, { protocols: [reserve] });
    await untilProbed('reserve');
    die();
    await host(rig, { protocols: [reserve], owner: 'b' });
    await rig.until(() => asked.length === 3, 10);
    expect(asked[2]!.id).toBe(asked[1]!.id);
    await send(found(asked[2]!, { outcome: 'succeeded', output: {} }));
    await rig.until(() => statusOf(rig, transactionOne) === 'completed');
  });

  test('S80, R6: "not yet" is asked again at its own pace, as long as it takes', async () => {
    await host(rig, { protocols: [reserve] });
    await untilProbed('reserve');
    for (let count = 2; count < 8; count++) {
      await send(found(asked.at(-1)!, { outcome: 'not-yet' }));
      await rig.until(() => asked.length > count, 10);
    }
    expect(typesOf().slice(1)).toEqual(Array.from({ length: 7 }, () => 'stock.probe 1'));
    expect(statusOf(rig, transactionOne)).toBe('executing');
  });

  test('S27, R23: while the outcome of the pivot is unknown nothing is undone; unanswered, a person is asked', async () => {
    await host(rig, { protocols: [decide] });
    await untilProbed('decide');
    expect(statusOf(rig, transactionOne)).toBe('executing');
    await rig.until(() => statusOf(rig, transactionOne) === 'parked', 10);
    expect(typesOf()).toEqual(['stock.take 1', 'stock.confirm 1', 'stock.probe 1']);
  });

  test('B96: what answers no probe, or says nothing known, changes nothing', async () => {
    await host(rig, { protocols: [reserve] });
    const probe = await untilProbed('reserve');
    await send(
      found({ ...probe, data: { ...probe.data, branchId: 'another' } }, { outcome: 'succeeded', output: {} }),
      found({ ...probe, data: { ...probe.data, generation: 7 } }, { outcome: 'not-done' }),
      found(probe, { outcome: 'surely' } as unknown as ProbeFinding),
    );
    await rig.settle();
    expect(statusOf(rig, transactionOne)).toBe('executing');
  });

  test('S16, R6: the answer of a real participant, whose reply was lost, ends the doubt', async () => {
    const ports = rig.process();
    const takes: Reply[] = [];
    const handle = async (commands: readonly unknown[]): Promise<readonly Reply[]> => {
      const done = commands.map(() => succeeded({ number: takes.length + 1 }));
      takes.push(...done);
      return done;
    };
    const participant = new Participant(ports, {
      service: 'stock',
      owner: 'p',
      handlers: [{ effect: 'local', operation: take, half: 'action', handle }],
    });
    const plain = ports.bus.send.bind(ports.bus);
    const isReply = ({ data }: Message): boolean => 'reply' in (data as object);
    ports.bus.send = async (messages) => plain(messages.filter((each) => !isReply(each)));
    await participant.start();
    await host(rig, { protocols: [reserve] });
    await send(startOf(transactionOne, 'reserve'));
    await rig.until(() => statusOf(rig, transactionOne) === 'completed', 10);
    expect(takes).toHaveLength(1);
    expect(asked.filter(({ type }) => type === 'stock.probe')).toHaveLength(1);
    await participant.stop();
  });
});
