/**
 * A library that lends books against a deposit, for trying the explorer on: told rightly once, and with one bug at a time.
 */
import { refused, saga, succeeded, type Reply } from '@sagamore/engine';
import { memoryTx } from '@sagamore/memory';
import {
  commandTopic,
  operation,
  replyMessage,
  type CommandData,
  type Delivery,
  type Message,
} from '@sagamore/runtime';
import { calls, callsUndo, does, exploration, undoes } from './explorer.js';
import type { Cast, Exploration, OwnPorts, Service, Tables } from './exploration.js';

/** A schema that believes everything. */
function trusted<T>() {
  return {
    '~standard': {
      version: 1 as const,
      vendor: 'sagamore',
      validate: (value: unknown) => ({ value: value as T }),
    },
  };
}

export const takeBook = operation('shelf.take', {
  input: trusted<{ readonly title: string }>(),
  output: trusted<{ readonly left: number }>(),
  undo: 'put-back',
});
export const takeDeposit = operation('till.take', {
  input: trusted<{ readonly reader: string }>(),
  output: trusted<{ readonly receipt: string }>(),
  undo: 'give-back',
  effect: 'external',
});

export interface LendBook {
  readonly title: string;
  readonly reader: string;
}

const patience = { timeoutMs: 900, retry: { attemptsMax: 3, baseMs: 40, maxMs: 300 } };

export const lendBook = saga<LendBook>('lend-book', { version: 1 })
  .step('book', takeBook, ({ input: { title } }) => ({ title }), patience)
  .step('deposit', takeDeposit, ({ input: { reader } }) => ({ reader }), patience)
  .define();

const input: LendBook = { title: 'Emma', reader: 'ada' };

const noteLoan = operation('shelf.note', {
  input: trusted<LendBook>(),
  output: trusted<object>(),
});

const lendAndNote = saga<LendBook>('lend-and-note', { version: 1 })
  .subSaga('lend', lendBook, ({ input }) => input)
  .step('note', noteLoan, ({ input }) => input, { ...patience, nothingToUndo: true })
  .define();

/** Moves copies on or off the shelf. */
async function move(tables: Tables, title: string, by: number): Promise<number> {
  const shelf = tables.table<number>('copies');
  const left = ((await shelf.lock(title)) ?? 0) + by;
  await shelf.put(title, left);
  return left;
}

const rows = { copies: { Emma: 3 } };

/** A shelf behind the platform's barrier. `puttingBack`: how many copies the undo puts back; `onTake`: told of each loan. */
export function shelf({ puttingBack = 1, onTake = () => {} } = {}): Service {
  return {
    rows,
    handlers: [
      does(takeBook, async ({ payload }, tables) => {
        const left = await move(tables, payload.title, -1);
        onTake();
        return left < 0 ? refused('all-lent') : succeeded({ left });
      }),
      undoes(takeBook, async ({ payload }, tables) => {
        await move(tables, payload.input.title, puttingBack);
      }),
      does(noteLoan, () => succeeded({})),
    ],
  };
}

/** A till whose money lies outside, under keys. */
function till(): Service & { readonly taken: ReadonlyMap<string, boolean> } {
  const taken = new Map<string, boolean>();
  return {
    taken,
    handlers: [
      calls(takeDeposit, (_command, { providerKey }) => {
        if (taken.get(providerKey) === false) return refused('cancelled-before');
        taken.set(providerKey, true);
        return succeeded({ receipt: providerKey });
      }),
      callsUndo(takeDeposit, (_command, { providerKey }) => {
        const isEmpty = taken.get(providerKey) === undefined;
        taken.set(providerKey, false);
        return isEmpty ? { outcome: 'succeeded', output: {}, empty: true } : succeeded({});
      }),
    ],
  };
}

/** A shelf, and the loans that it has counted where it counts any. */
export type Shelf = Service & { readonly loans?: readonly string[] };

/** The library with this shelf. */
export function lendingWith(makeShelf: () => Shelf): Exploration {
  return exploration(lendBook, { input, cast: castWith(makeShelf) });
}

/** The same as a step of another saga, behind which the reader's card may be refused. */
export function lendThrough(makeShelf: () => Shelf): Exploration {
  return exploration(lendAndNote, { input, cast: castWith(makeShelf) });
}

function castWith(makeShelf: () => Shelf): () => Cast {
  return () => {
    const ownTill = till();
    const ownShelf = makeShelf();
    return {
      services: { shelf: ownShelf, till: ownTill },
      effects: () => ownShelf.loans ?? [],
      books: (look) => ({
        copies: look.rows('shelf', 'copies'),
        deposits: [...ownTill.taken.values()].filter(Boolean).length,
      }),
    };
  };
}

/** A consumer's way with one command, inside what it is given. */
type Serve = (command: Message<CommandData>, ports: OwnPorts) => Promise<void>;

function shelfOfItsOwn(serve: Serve, { isAcknowledgedAtOnce = false } = {}): Service {
  return {
    rows,
    start: async (ports) => {
      const handle = async (batch: readonly Delivery[]): Promise<void> => {
        const served = batch.map(({ message }) => serve(message as Message<CommandData>, ports));
        if (!isAcknowledgedAtOnce) await Promise.all(served);
      };
      await ports.bus.subscribe({ topic: commandTopic('shelf'), group: 'shelf', handle });
    },
  };
}

/** Moves copies for whatever comes, however often it comes. */
export function shelfWithoutBarrier(): Service {
  return shelfOfItsOwn(async (command, { bus, database }) => {
    const left = await database.transaction((tx) => move(memoryTx(tx), 'Emma', changeOf(command)));
    await bus.send([answerTo(command, succeeded({ left }))]);
  });
}

/** Keeps what it has done, and does nothing twice. */
export function shelfWithSeats(): Service {
  return shelfOfItsOwn(async (command, { bus, database }) => {
    await database.transaction((tx) => doOnce(command, memoryTx(tx)));
    await bus.send([answerTo(command, succeeded({ left: 0 }))]);
  });
}

/** Drops what comes twice, but keeps no seats: what comes late is news to it. */
export function shelfWithoutSeats(): Service {
  const last = new Set<string>();
  return shelfOfItsOwn(async (command, { bus, database }) => {
    const isRepeat = last.has(command.id);
    last.add(command.id);
    if (!isRepeat) await database.transaction((tx) => move(memoryTx(tx), 'Emma', changeOf(command)));
    await bus.send([answerTo(command, succeeded({ left: 0 }))]);
  });
}

/** The same, but the command is acknowledged, and its sender told, before any of it is durable. */
export function shelfThatAcknowledgesEarly(): Service {
  return shelfOfItsOwn(
    async (command, { bus, database }) => {
      await database.transaction(async (tx) => {
        await doOnce(command, memoryTx(tx));
        await bus.send([answerTo(command, succeeded({ left: 0 }))]);
      });
    },
    { isAcknowledgedAtOnce: true },
  );
}

/** An action behind its undo is late and does nothing; an undo without its action only takes the seat. */
async function doOnce(command: Message<CommandData>, tables: Tables): Promise<void> {
  const { branchId, operation } = command.data;
  const seats = tables.table<boolean>('seats');
  const undo = `${branchId}/compensation`;
  const action = `${branchId}/action`;
  const seat = `${branchId}/${operation}`;
  await seats.lock(branchId);
  if (seats.get(seat) !== undefined || seats.get(undo) !== undefined) return;
  await seats.put(seat, true);
  if (operation === 'action' || seats.get(action) !== undefined)
    await move(tables, 'Emma', changeOf(command));
}

function changeOf({ data }: Message<CommandData>): number {
  return data.operation === 'action' ? -1 : 1;
}

function answerTo(command: Message<CommandData>, reply: Reply): Message {
  return replyMessage(command, reply, { source: 'shelf', at: command.occurredAt });
}

export const bookRoom = operation('hotel.book', {
  input: trusted<{ readonly nights: number }>(),
  output: trusted<{ readonly room: string }>(),
  undo: 'cancel',
  transport: 'http',
  effect: 'external',
});

const stay = saga<{ readonly nights: number }>('stay', { version: 1 })
  .step('room', bookRoom, ({ input }) => input, { ...patience, timeoutMs: 5_000 })
  .step('note', noteLoan, () => input, { ...patience, nothingToUndo: true })
  .define();

type Booking = 'booked' | 'cancelled' | 'never booked';

/** Speaks HTTP and has no barrier of ours. `keepsKeys`: whether it remembers what it was asked under which key. */
export function hotel({ keepsKeys = true } = {}): Service {
  return {
    rows: { rooms: { free: 2 } },
    async answers({ key, half }, tables) {
      const bookings = tables.table<Booking>('bookings');
      const rooms = tables.table<number>('rooms');
      const booking = await bookings.lock(key);
      const free = (await rooms.lock('free')) ?? 0;
      if (half === 'compensation') return cancel(key, tables);
      if (booking !== undefined && booking !== 'booked') return refused('cancelled-before');
      if (booking !== 'booked' || !keepsKeys) await rooms.put('free', free - 1);
      await bookings.put(key, 'booked');
      return succeeded({ room: key });
    },
  };
}

/** The same key is answered the same way again; an undo that finds nothing takes the seat. */
async function cancel(key: string, tables: Tables): Promise<Reply> {
  const bookings = tables.table<Booking>('bookings');
  const rooms = tables.table<number>('rooms');
  const booking = bookings.get(key) ?? 'never booked';
  if (booking === 'booked') await rooms.put('free', (rooms.get('free') ?? 0) + 1);
  await bookings.put(key, booking === 'booked' ? 'cancelled' : booking);
  return booking === 'never booked' ? { outcome: 'succeeded', output: {}, empty: true } : succeeded({});
}

/** A stay in this hotel. */
export function stayingWith(makeHotel: () => Service): Exploration {
  const cast = (): Cast => ({
    services: { hotel: makeHotel(), shelf: shelf() },
    books: (look) => look.rows('hotel', 'rooms'),
  });
  return exploration(stay, { input: { nights: 2 }, cast });
}
