/**
 * Goal: methods found by decorators do a service's commands, and every mistake in the wiring is named at the start.
 * Method: real Nest modules over the memory bus and database; a command goes in by the bus, the reply comes out of it.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import { refused, succeeded, type Half, type Reply } from '@sagamore/engine';
import {
  MemoryBarrier,
  MemoryBus,
  MemoryDatabase,
  MemoryIntents,
  MemoryPrepared,
  memoryTx,
  type MemoryStore,
} from '@sagamore/memory';
import { uuidv7 } from '@sagamore/primitives';
import { Fault } from '@sagamore/resilience';
import {
  commandMessage,
  inboxTopic,
  operation,
  SystemClock,
  type Bus,
  type CommandOf,
  type ConfirmationOf,
  type Message,
  type ReplyData,
  type ReplyOf,
  type SettledOf,
  type SettledUndoOf,
  type Tx,
  type UndoOf,
} from '@sagamore/runtime';
import {
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type INestMicroservice,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { Observable } from 'rxjs';
import { z } from 'zod';
import {
  Calls,
  CallsUndo,
  Confirms,
  Handles,
  HandlesBatch,
  Participant,
  Prepares,
  Records,
  RecordsUndo,
  Undoes,
  UndoesBatch,
  type CallContext,
} from './participant.decorators.js';
import { ParticipantServer, type ParticipantServerPorts } from './transport.strategy.js';

const paint = operation('wall.paint', {
  undo: 'strip',
  input: z.object({ colour: z.string() }),
  output: z.object({ coats: z.int() }),
});
const ring = operation('wall.ring', {
  undo: 'hush',
  effect: 'external',
  input: z.object({ bell: z.string() }),
  output: z.object({ heard: z.boolean() }),
});
const look = operation('wall.look', { input: z.object({}), output: z.object({}) });
const foreign = operation('floor.sweep', { input: z.object({}), output: z.object({}) });

/** Says in which order it was passed, to show that Nest's pipeline is in between. */
const passed: string[] = [];
class Passing implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    passed.push(context.getType());
    return next.handle();
  }
}

const sizes: number[] = [];
const keys: string[] = [];
const booked: string[] = [];

@Participant('wall')
class Painter {
  @Handles(paint)
  @UseInterceptors(Passing)
  async paint({ payload }: CommandOf<typeof paint>, tx: Tx): Promise<ReplyOf<typeof paint>> {
    if (payload.colour === 'black') return refused('too-dark');
    if (payload.colour === 'glitter')
      throw new Fault('DATA_REJECTED', 'glitter does not stick', { retryable: false });
    return succeeded({ coats: typeof tx.afterCommit === 'function' ? 2 : 0 });
  }

  @UndoesBatch(paint)
  async strip(commands: readonly UndoOf<typeof paint>[]): Promise<void> {
    sizes.push(commands.length);
  }

  @HandlesBatch(look)
  async look(commands: readonly CommandOf<typeof look>[]): Promise<readonly ReplyOf<typeof look>[]> {
    sizes.push(commands.length);
    return commands.map(() => succeeded({}));
  }

  @Calls(ring)
  async ring(
    { payload }: CommandOf<typeof ring>,
    { providerKey }: CallContext,
  ): Promise<ReplyOf<typeof ring>> {
    keys.push(providerKey);
    return succeeded({ heard: payload.bell === 'loud' });
  }

  @Records(ring)
  async rung(settled: readonly SettledOf<typeof ring>[]): Promise<void> {
    for (const { command, reply } of settled) booked.push(`${command.payload.bell}:${reply.output.heard}`);
  }

  @CallsUndo(ring)
  async hush(_command: UndoOf<typeof ring>, { providerKey }: CallContext): Promise<void> {
    keys.push(providerKey);
  }

  @RecordsUndo(ring)
  async hushed(settled: readonly SettledUndoOf<typeof ring>[]): Promise<void> {
    for (const { command } of settled) booked.push(`hushed ${command.payload.input.bell}`);
  }
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Running {
  readonly bus: Bus;
  readonly server: ParticipantServer;
  readonly faults: unknown[];
  readonly store: MemoryStore;
  readonly ask: (messageType: string, payload: unknown, half?: Half, branch?: string) => Promise<Reply>;
}

function started(...controllers: Type[]): Promise<Running> {
  return startedWith({}, ...controllers);
}

async function startedWith(ports: Partial<ParticipantServerPorts>, ...controllers: Type[]): Promise<Running> {
  const clock = new SystemClock();
  const bus = new MemoryBus({ clock });
  const database = new MemoryDatabase({ clock });
  const faults: unknown[] = [];
  const server = new ParticipantServer(
    {
      database,
      barrier: new MemoryBarrier(),
      intents: new MemoryIntents(database),
      openPrepared: async () => new MemoryPrepared(database),
      bus,
      clock,
      ...ports,
    },
    { service: 'wall', owner: 'test', shardCount: 1, onFault: (error) => void faults.push(error) },
  );
  const module = await Test.createTestingModule({ controllers }).compile();
  const app: INestMicroservice = module.createNestMicroservice({ strategy: server, logger: false });
  closing.push(
    () => bus.stop(),
    () => app.close(),
  );
  await app.listen();
  return { bus, server, faults, store: database.store, ask: asker(bus) };
}

function asker(bus: Bus): Running['ask'] {
  const waiting = new Map<string, (reply: Reply) => void>();
  const listening = bus.subscribe({
    topic: inboxTopic,
    group: 'test',
    handle: async (batch) => {
      for (const { message } of batch)
        if (isReply(message))
          waiting.get(`${message.data.transactionId}/${message.data.operation}`)?.(message.data.reply);
    },
  });
  return async (messageType, payload, half = 'action', transactionId = uuidv7(Date.now())) => {
    await listening;
    const { promise, resolve } = Promise.withResolvers<Reply>();
    waiting.set(`${transactionId}/${half}`, resolve);
    const command = {
      type: 'send',
      participant: 'wall',
      messageType,
      branchId: 'b',
      operation: half,
      generation: 1,
      attempt: 1,
      payload,
    } as const;
    await bus.send([
      commandMessage(command, { transactionId, replyTo: { topic: inboxTopic, partition: 0 }, at: 0 }),
    ]);
    return promise;
  };
}

function isReply(message: Message): message is Message<ReplyData> {
  return typeof message.data === 'object' && message.data !== null && 'reply' in message.data;
}

describe('a participant', () => {
  test('answers by its methods, through the pipeline of Nest', async () => {
    const { ask, server } = await started(Painter);
    passed.length = 0;
    expect(await ask('wall.paint', { colour: 'red' })).toEqual(succeeded({ coats: 2 }));
    expect(passed).toEqual(['rpc']);
    expect(server.healthy()).toBe(true);
  });

  test('answers a refusal as a value', async () => {
    const { ask } = await started(Painter);
    expect(await ask('wall.paint', { colour: 'black' })).toEqual(refused('too-dark'));
  });

  test('hands a batch method all that came together', async () => {
    const { ask } = await started(Painter);
    sizes.length = 0;
    await Promise.all([1, 2, 3].map(() => ask('wall.look', {})));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(3);
    expect(sizes.length).toBeLessThan(3);
  });

  test('takes an undo that says nothing as done', async () => {
    const { ask } = await started(Painter);
    const transactionId = uuidv7(Date.now());
    const input = { colour: 'red' };
    await ask('wall.paint', input, 'action', transactionId);
    const undo = { input, outcome: 'succeeded', output: { coats: 2 } };
    expect(await ask('wall.strip', undo, 'compensation', transactionId)).toEqual(succeeded(null));
  });

  test('R8: calls the outside by one key for an action and its undo, and records both', async () => {
    const { ask } = await started(Painter);
    keys.length = booked.length = 0;
    const transactionId = uuidv7(Date.now());
    const input = { bell: 'loud' };
    expect(await ask('wall.ring', input, 'action', transactionId)).toEqual(succeeded({ heard: true }));
    await ask(
      'wall.hush',
      { input, outcome: 'succeeded', output: { heard: true } },
      'compensation',
      transactionId,
    );
    expect(keys).toEqual([`${transactionId}/b`, `${transactionId}/b`]);
    expect(booked).toEqual(['loud:true', 'hushed loud']);
  });

  test('R2: what a method throws reaches the runtime as it was thrown', async () => {
    const { ask, faults } = await started(Painter);
    const both = [ask('wall.paint', { colour: 'glitter' }), ask('wall.paint', { colour: 'red' })];
    const [poisoned, healthy] = await Promise.all(both);
    expect(poisoned).toMatchObject({ outcome: 'failed', failure: { retryable: false } });
    expect(healthy).toEqual(succeeded({ coats: 2 }));
    expect(faults).toContainEqual(
      expect.objectContaining({ code: 'DATA_REJECTED', message: 'glitter does not stick' }),
    );
  });

  test('takes nothing more once it is closed', async () => {
    const { server } = await started(Painter);
    await server.close();
    expect(server.healthy()).toBe(false);
    await server.close();
  });

  test('without handlers starts nothing and is healthy', async () => {
    const { server } = await started();
    expect(server.healthy()).toBe(true);
    expect(server.unwrap()).toBeUndefined();
  });
});

describe('what only holds', () => {
  const shape = { input: z.object({ rung: z.int() }), output: z.object({ ladder: z.string() }) };
  const lend = operation('wall.lend', { ...shape, confirm: 'sell', undo: 'fetch-back' });
  const done: string[] = [];

  @Participant('wall')
  class Lender {
    @Handles(lend)
    async lend({ payload }: CommandOf<typeof lend>): Promise<ReplyOf<typeof lend>> {
      done.push(`lent ${payload.rung}`);
      return succeeded({ ladder: 'long' });
    }
    @Confirms(lend)
    async sell({ payload }: ConfirmationOf<typeof lend>): Promise<void> {
      done.push(`sold ${payload.output.ladder}`);
    }
    @Undoes(lend)
    async fetchBack({ payload }: UndoOf<typeof lend>): Promise<void> {
      done.push(`fetched back ${payload.outcome}`);
    }
  }
  const held = { input: { rung: 3 }, output: { ladder: 'long' } };

  test('S12: is held and kept by its methods, and what was kept is not let go', async () => {
    const { ask } = await started(Lender);
    done.length = 0;
    const id = uuidv7(Date.now());
    expect(await ask('wall.lend', { rung: 3 }, 'try', id)).toEqual(succeeded({ ladder: 'long' }));
    expect(await ask('wall.sell', held, 'confirm', id)).toEqual(succeeded(null));
    const late = await ask('wall.fetch-back', { ...held, outcome: 'succeeded' }, 'cancel', id);
    expect(late.outcome).toBe('refused');
    expect(done).toEqual(['lent 3', 'sold long']);
  });

  test('is served under two-phase commit by the same methods', async () => {
    const { ask } = await started(Lender);
    done.length = 0;
    const id = uuidv7(Date.now());
    await ask('wall.lend', { rung: 1 }, 'prepare', id);
    const undo = { input: { rung: 1 }, outcome: 'unknown' };
    expect(await ask('wall.fetch-back', undo, 'rollback', id)).toEqual(succeeded(null));
    expect(done).toEqual(['lent 1', 'fetched back unknown']);
  });

  test('S22: and could not be kept is named at the start', async () => {
    @Participant('wall')
    class Forgetful {
      @Handles(lend)
      async lend(): Promise<ReplyOf<typeof lend>> {
        return succeeded({ ladder: 'long' });
      }
      @Undoes(lend)
      async fetchBack(): Promise<void> {}
    }
    await expect(started(Forgetful)).rejects.toThrow('wall.lend/confirm has no handler');
  });
});

describe('mistakes in the wiring', () => {
  @Participant('wall')
  class Muddle {
    @Handles(paint)
    async paint(): Promise<ReplyOf<typeof paint>> {
      return succeeded({ coats: 1 });
    }
    @HandlesBatch(paint)
    async paintAll(commands: readonly CommandOf<typeof paint>[]): Promise<readonly ReplyOf<typeof paint>[]> {
      return commands.map(() => succeeded({ coats: 1 }));
    }
    @Calls(ring)
    async ring(): Promise<ReplyOf<typeof ring>> {
      return succeeded({ heard: true });
    }
    @Handles(foreign)
    async sweep(): Promise<ReplyOf<typeof foreign>> {
      return succeeded({});
    }
    @Undoes(ring)
    async hush(): Promise<void> {}
  }

  test('S22: every one is named at the start, all at once', async () => {
    const error = await started(Muddle).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'CONFIGURATION_INVALID' });
    const message = error instanceof Fault ? error.message : '';
    expect(message).toContain('wall.paint/action is handled more than once');
    expect(message).toContain('wall.paint/compensation has no handler');
    expect(message).toContain('wall.ring/action/record has no handler');
    expect(message).toContain('wall.ring/compensation/call has no handler');
    expect(message).toContain('wall.ring/compensation/record has no handler');
    expect(message).toContain('wall.ring/compensation is external but handled as local');
    expect(message).toContain('floor.sweep/action belongs to floor');
  });

  test('one method cannot have two roles', () => {
    expect(() => {
      @Participant('wall')
      class Double {
        @Handles(look)
        @Handles(foreign)
        async both(): Promise<Reply<never>> {
          return refused('no');
        }
      }
      return Double;
    }).toThrow('both can have one role');
  });

  test('an action that answers nothing is an error, not a success', async () => {
    @Participant('wall')
    class Mute {
      @HandlesBatch(look)
      async look(): Promise<readonly ReplyOf<typeof look>[]> {
        return [];
      }
    }
    const { ask, faults } = await started(Mute);
    expect(await ask('wall.look', {})).toMatchObject({ outcome: 'failed', failure: { retryable: false } });
    const message: unknown = expect.stringContaining('must answer each of its 1 commands');
    expect(faults).toContainEqual(expect.objectContaining({ message }));
  });
});

test('a method whose types do not fit its operation does not compile', () => {
  class Misfit {
    // @ts-expect-error -- the payload's colour is text
    @Handles(paint)
    async number(_command: { payload: { colour: number } }): Promise<ReplyOf<typeof paint>> {
      return succeeded({ coats: 1 });
    }
    // @ts-expect-error -- coats are counted
    @Handles(paint)
    async output(): Promise<Reply<{ coats: string }>> {
      return succeeded({ coats: 'two' });
    }
    // @ts-expect-error -- a batch is answered by a list
    @HandlesBatch(look)
    async single(): Promise<ReplyOf<typeof look>> {
      return succeeded({});
    }
    // @ts-expect-error -- a call has a provider key, never a transaction
    @Calls(ring)
    async call(_command: CommandOf<typeof ring>, _tx: Tx): Promise<ReplyOf<typeof ring>> {
      return succeeded({ heard: true });
    }
  }
  expect(Misfit.name).toBe('Misfit');
});

describe('what is prepared', () => {
  const shape = { input: z.object({ nails: z.int() }), output: z.object({ left: z.int() }) };
  const nail = operation('wall.nail', shape);
  const drill = operation('wall.drill', { ...shape, confirm: 'plug', undo: 'fill' });

  @Participant('wall')
  class Carpenter {
    @Prepares(nail)
    async nail({ operationId, payload }: CommandOf<typeof nail>, tx: Tx): Promise<ReplyOf<typeof nail>> {
      if (payload.nails > 3) return refused('too-many');
      await memoryTx(tx).table('nails').insert(operationId, payload);
      return succeeded({ left: 3 - payload.nails });
    }
  }
  const undo = { input: { nails: 1 }, outcome: 'unknown' };

  test('R19: is in doubt after its vote, and settled by the platform', async () => {
    const { ask, store } = await started(Carpenter);
    const id = uuidv7(Date.now());
    expect(await ask('wall.nail', { nails: 1 }, 'prepare', id)).toEqual(succeeded({ left: 2 }));
    expect([store.committed('nails').length, [...store.inDoubt.keys()]]).toEqual([0, [`wall:${id}:b`]]);
    const asked = { input: { nails: 1 }, output: null };
    expect(await ask('wall.commit-prepared', asked, 'commit', id)).toEqual(succeeded({}));
    expect([store.committed('nails').length, store.inDoubt.size]).toEqual([1, 0]);
    expect((await ask('wall.rollback-prepared', undo, 'rollback', id)).outcome).toBe('refused');
  });

  test('and refuses, votes no; and is asked alone, commits in one phase', async () => {
    const { ask, store } = await started(Carpenter);
    expect(await ask('wall.nail', { nails: 4 }, 'prepare')).toEqual(refused('too-many'));
    expect(await ask('wall.nail', { nails: 2 })).toEqual(succeeded({ left: 1 }));
    expect([store.committed('nails').length, store.inDoubt.size]).toEqual([1, 0]);
  });

  test('R21: and has a confirm, or an action of its own, is named at the start', async () => {
    @Participant('wall')
    class Muddled {
      @Prepares(drill)
      async drill(): Promise<ReplyOf<typeof drill>> {
        return succeeded({ left: 0 });
      }
      @Handles(nail)
      async hammer(): Promise<ReplyOf<typeof nail>> {
        return succeeded({ left: 0 });
      }
      @Prepares(nail)
      async nail(): Promise<ReplyOf<typeof nail>> {
        return succeeded({ left: 0 });
      }
    }
    await expect(started(Muddled)).rejects.toThrow('wall.drill/prepare has a confirm, so it is held');
    await expect(started(Muddled)).rejects.toThrow('wall.nail/prepare does the action too');
  });

  test('I45: a database that cannot keep it is refused at the start, by whoever opens it', async () => {
    const tooSmall = new Fault('CONFIGURATION_INVALID', 'max_prepared_transactions', { retryable: false });
    const opened: boolean[] = [];
    const openPrepared = async ({ prepares }: { readonly prepares: boolean }) => {
      opened.push(prepares);
      if (prepares) throw tooSmall;
      return new MemoryPrepared(new MemoryDatabase({ clock: new SystemClock() }));
    };
    await expect(startedWith({ openPrepared }, Carpenter)).rejects.toThrow(tooSmall);
    await startedWith({ openPrepared }, Painter);
    expect(opened).toEqual([true, false]);
  });
});
