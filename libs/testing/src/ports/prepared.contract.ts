/**
 * The contract of `Prepared`: what voted yes stays in doubt, with its locks, until it is settled as decided, and what voted
 * anything else leaves nothing behind. What a vote means for the transaction is the machine's affair.
 */
import { describe, expect, test } from '@jest/globals';
import { refused, succeeded, type Reply } from '@sagamore/engine';
import type { BranchKey, Tx } from '@sagamore/runtime';
import {
  barrierRow,
  fact,
  freshPorts,
  gate,
  intent,
  nextId,
  type OpenPorts,
  type PortsUnderTest,
} from './open.js';

const yes: Reply = succeeded({ reservationId: 'r-1' });
const nothingFound = async () => [];
const notHad = { outcome: 'failed', failure: { code: 'SERIALIZATION_CONFLICT', retryable: true } };

/** Registers the suite under `name`; `open` is called once for each test. */
export function describePreparedContract(name: string, open: OpenPorts): void {
  describe(`${name} keeps the contract of Prepared`, () => {
    const ports = freshPorts(open);
    voting(ports);
    locking(ports);
    settling(ports);
  });
}

function newGid(service = 'stock'): string {
  return `${service}:${nextId()}:reserve`;
}

/** Work with an effect that everybody can see, once it is committed. */
function writing({ outbox }: PortsUnderTest, reply: Reply = yes) {
  return async (tx: Tx): Promise<Reply> => {
    await outbox.append(tx, [fact('k', nextId())], 'nobody');
    return reply;
  };
}

async function effects({ outbox, expireClaims }: PortsUnderTest): Promise<number> {
  await expireClaims();
  return (await outbox.claim({ owner: 'reader', claimMs: 1, limit: 100 })).length;
}

async function gidsInDoubt({ prepared }: PortsUnderTest, prefix = ''): Promise<readonly string[]> {
  return (await prepared.inDoubt(prefix)).map(({ gid }) => gid);
}

function voting(ports: () => PortsUnderTest): void {
  test('a yes is seen by nobody until it is committed', async () => {
    const { prepared } = ports();
    const gid = newGid();
    expect(await prepared.prepare(gid, writing(ports()))).toEqual(yes);
    expect([await effects(ports()), await gidsInDoubt(ports())]).toEqual([0, [gid]]);
    expect(await prepared.commit(gid, nothingFound)).toBe('done');
    expect([await effects(ports()), await gidsInDoubt(ports())]).toEqual([1, []]);
  });

  test('a yes that is rolled back leaves nothing behind', async () => {
    const { prepared } = ports();
    const gid = newGid();
    await prepared.prepare(gid, writing(ports()));
    expect(await prepared.rollback(gid, nothingFound)).toBe('done');
    expect([await effects(ports()), await gidsInDoubt(ports())]).toEqual([0, []]);
  });

  test('R19: what is prepared already votes again, and does nothing again', async () => {
    const { prepared } = ports();
    const gid = newGid();
    await prepared.prepare(gid, writing(ports()));
    const again = await prepared.prepare(gid, () => Promise.reject(new Error('must not run')));
    expect(again.outcome).toBe('succeeded');
    await prepared.commit(gid, nothingFound);
    expect(await effects(ports())).toBe(1);
  });

  test('a no leaves nothing behind', async () => {
    const { prepared } = ports();
    const gid = newGid();
    const no = refused('out-of-stock');
    expect(await prepared.prepare(gid, writing(ports(), no))).toEqual(no);
    expect([await effects(ports()), await gidsInDoubt(ports())]).toEqual([0, []]);
  });

  test('work that changed and locked nothing leaves after its vote', async () => {
    const { prepared, barrier } = ports();
    const vote = await prepared.prepare(newGid(), async (tx) => {
      await barrier.insert(tx, [barrierRow()]);
      return yes;
    });
    expect(vote).toEqual({ ...yes, readOnly: true });
    expect(await gidsInDoubt(ports())).toEqual([]);
  });

  test('a rule of the program that breaks in the work passes, and leaves nothing behind', async () => {
    const broken = ports().prepared.prepare(newGid(), async (tx) => {
      await writing(ports())(tx);
      throw new TypeError('a rule broke');
    });
    await expect(broken).rejects.toThrow('a rule broke');
    expect([await effects(ports()), await gidsInDoubt(ports())]).toEqual([0, []]);
  });
}

/** A stored row to quarrel over, and work that locks it. */
async function quarrel({ database, intents }: PortsUnderTest): Promise<(tx: Tx) => Promise<Reply>> {
  const row = intent(database.now() + 60_000);
  const branch: BranchKey = { transactionId: row.transactionId, branchId: row.branchId };
  await database.transaction((tx) => intents.insert(tx, [row]));
  return async (tx) => {
    await intents.lock(tx, [branch]);
    return yes;
  };
}

function locking(ports: () => PortsUnderTest): void {
  test('R19: a lock that is not had in time is a failure that may be asked again, and nothing stays behind', async () => {
    const { prepared, outlastLocks } = ports();
    const lock = await quarrel(ports());
    const [first, second] = [newGid(), newGid()];
    expect(await prepared.prepare(first, lock)).toEqual(yes);
    const waiting = gate();
    const vote = prepared.prepare(second, async (tx) => {
      const reply = lock(tx);
      waiting.open();
      return reply;
    });
    await waiting.passed;
    await outlastLocks();
    expect(await vote).toMatchObject(notHad);
    expect(await gidsInDoubt(ports())).toEqual([first]);
  });

  test.each(['commit', 'rollback'] as const)('a %s lets go of the locks', async (operation) => {
    const { prepared } = ports();
    const lock = await quarrel(ports());
    const [first, second] = [newGid(), newGid()];
    await prepared.prepare(first, lock);
    const waiting = gate();
    const vote = prepared.prepare(second, async (tx) => {
      const reply = lock(tx);
      waiting.open();
      return reply;
    });
    await waiting.passed;
    await prepared[operation](first, nothingFound);
    expect(await vote).toEqual(yes);
    expect(await gidsInDoubt(ports())).toEqual([second]);
  });
}

function settling(ports: () => PortsUnderTest): void {
  test('the seat in the barrier travels inside, and is seen with the commit', async () => {
    const { prepared, database, barrier } = ports();
    const gid = newGid();
    const row = barrierRow({ operation: 'prepare' });
    const found = () => database.transaction((tx) => barrier.find(tx, [row]));
    await prepared.prepare(gid, async (tx) => {
      await barrier.insert(tx, [row]);
      return writing(ports())(tx);
    });
    expect(await found()).toEqual([]);
    await prepared.commit(gid, found);
    expect(await found()).toEqual([row]);
    expect(await prepared.commit(gid, found)).toBe('done');
    expect(await prepared.rollback(gid, found)).toBe('contradicted');
  });

  test('R20: "does not exist" is nothing to roll back, and no commit, unless a row says so', async () => {
    const { prepared } = ports();
    const committed = async () => [barrierRow({ operation: 'prepare' })];
    expect(await prepared.commit(newGid(), nothingFound)).toBe('contradicted');
    expect(await prepared.commit(newGid(), committed)).toBe('done');
    expect(await prepared.rollback(newGid(), nothingFound)).toBe('absent');
    expect(await prepared.rollback(newGid(), committed)).toBe('contradicted');
  });

  test('S70: those in doubt are listed with their age, of the service that asks alone', async () => {
    const { prepared } = ports();
    const [own, foreign] = [newGid(), newGid('card')];
    await prepared.prepare(own, writing(ports()));
    await prepared.prepare(foreign, writing(ports()));
    const [listed, ...more] = await prepared.inDoubt('stock:');
    expect([listed?.gid, more]).toEqual([own, []]);
    expect(listed?.ageMs).toBeGreaterThanOrEqual(0);
  });
}
