/**
 * Goal: every check can fail, and fails for its own reason. Method: healthy books in real databases; each test breaks one
 * thing in them, sees the check named in its title report it with the ids concerned, and rolls back.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { testPostgres } from '../support/postgres.js';
import { runChecks, type Finding } from './audit.js';
import {
  barrierRow,
  charge,
  compensated,
  completed,
  healthyBooks,
  healthyOutside,
  hold,
  journal,
  orderRow,
  parked,
  refund,
  stockMove,
  transaction,
  withoutGuards,
  type Books,
} from './books.fixture.js';
import type { Check } from './check.js';
import { checks } from './checks/all.js';
import type { ServiceName } from './stack.js';

jest.setTimeout(60_000);
let books: Books;
const unknown = '01990000-0000-7000-8000-0000000000ff';

beforeAll(async () => {
  books = await healthyBooks();
  await healthyOutside(books.databases);
});

afterAll(async () => {
  await books?.close();
  await (await testPostgres()).stop();
});

type Damage = readonly [ServiceName, string];

/** What the wanted checks say of the books after the damage; the books are whole again afterwards. */
async function findingsAfter(
  damage: readonly Damage[],
  wanted: readonly Check[] = checks,
): Promise<readonly Finding[]> {
  const { databases } = books;
  for (const database of Object.values(databases)) await database.query('begin');
  try {
    for (const service of new Set(damage.map(([name]) => name))) await withoutGuards(databases[service]);
    for (const [service, sql] of damage) await databases[service].query(sql);
    const listener = { progress: () => undefined, finding: () => undefined };
    return await runChecks({ databases, hasProviders: true, hasClientLog: true }, listener, wanted);
  } finally {
    for (const database of Object.values(databases)) await database.query('rollback');
  }
}

/** The violations by the checks with this id. */
async function violationsOf(id: string, ...damage: readonly Damage[]): Promise<string> {
  const findings = await findingsAfter(
    damage,
    checks.filter((check) => check.id === id),
  );
  return JSON.stringify(findings.flatMap(({ violations }) => violations));
}

function lockOf(id: string): string {
  return `insert into semantic_lock (transaction_id, started_at, shard, can_yield, key, branch_id, policy)
    values ('${id}', now(), 0, false, 'a-key', 'a-branch', 'wait')`;
}

test('books in which every row is right have no violation', async () => {
  const findings = await findingsAfter([]);

  expect(findings).toHaveLength(checks.length);
  expect(
    findings.filter(({ violations, skipped }) => violations.length > 0 || skipped !== undefined),
  ).toEqual([]);
});

describe('stock', () => {
  test('I01: stock that was confirmed away but is still available is found', async () => {
    const found = violationsOf(
      'I01',
      ['inventory', `update stock set available = available + 2`],
      ['inventory', `delete from stock_move where transaction_id = '${completed}'`],
    );
    await expect(found).resolves.toContain('"confirmed":2');
  });

  test('I02: a balance that is not the sum of its moves is found', async () => {
    const found = violationsOf('I02', ['inventory', `update stock set available = available - 1`]);
    await expect(found).resolves.toContain('"sku":"COFFEE"');
  });

  test('I02: moves of a product without a balance are found', async () => {
    const found = violationsOf('I02', ['inventory', `delete from stock`]);
    await expect(found).resolves.toContain('"balance":null');
  });

  test('I03: negative stock is found', async () => {
    const found = violationsOf('I03', ['inventory', `update stock set available = -3`]);
    await expect(found).resolves.toContain('"available":"-3"');
  });

  test.each([
    ['zero', '0'],
    ['negative', '-1'],
    ['fractional', '1.5'],
  ])('I03: a move of a %s quantity is found', async (_, quantity) => {
    const found = violationsOf(
      'I03',
      ['inventory', `alter table stock_move alter column quantity type numeric`],
      ['inventory', `update stock_move set quantity = ${quantity} where transaction_id = '${completed}'`],
    );
    await expect(found).resolves.toContain(`${completed}/reserve-inventory/action`);
  });

  test('I34: more confirmed than there ever was is found', async () => {
    const found = violationsOf('I34', [
      'inventory',
      `update stock_move set quantity = 1 where kind = 'received'`,
    ]);
    await expect(found).resolves.toContain('"received":1');
  });
});

describe('money', () => {
  test('I04: money that came from nowhere is found', async () => {
    const found = violationsOf('I04', [
      'payment',
      `update ledger_entry set amount_minor = amount_minor + 100
       where account = 'merchant' and transaction_id = '${completed}'`,
    ]);
    await expect(found).resolves.toContain('"currency":"EUR"');
  });

  test('I05: an operation that books more than it takes is found', async () => {
    const found = violationsOf('I05', [
      'payment',
      `update ledger_entry set amount_minor = amount_minor + 100
       where account = 'merchant' and transaction_id = '${completed}'`,
    ]);
    await expect(found).resolves.toContain(`${completed}/charge-payment/action`);
  });

  test('I05: a balance that differs from its entries is found', async () => {
    const found = violationsOf('I05', [
      'payment',
      `create or replace view account_balance as select account, currency, sum(amount_minor)::bigint + 1 as balance_minor,
         count(*)::bigint as entries from ledger_entry group by account, currency`,
    ]);
    await expect(found).resolves.toContain('"account":"merchant"');
  });

  test('I06: an overdrawn account is found', async () => {
    const found = violationsOf('I06', ['payment', `delete from ledger_entry where kind = 'deposit'`]);
    await expect(found).resolves.toContain('"account":"customer:ada"');
  });

  test.each([
    ['zero', '0'],
    ['a fraction', '0.5'],
  ])('I06: an entry of %s is found', async (_, amount) => {
    const found = violationsOf(
      'I06',
      ['payment', `drop view account_balance`],
      ['payment', `alter table ledger_entry alter column amount_minor type numeric`],
      [
        'payment',
        `create view account_balance as select account, currency, sum(amount_minor) as balance_minor
         from ledger_entry group by account, currency`,
      ],
      [
        'payment',
        `update ledger_entry set amount_minor = ${amount} where account = 'merchant'
         and transaction_id = '${completed}'`,
      ],
    );
    await expect(found).resolves.toContain('"account":"merchant"');
  });
});

describe('what an end says was done', () => {
  test('I07: a completed order whose stock was not taken is found', async () => {
    const found = violationsOf('I07', [
      'inventory',
      `delete from stock_move where transaction_id = '${completed}'`,
    ]);
    await expect(found).resolves.toContain('"wanted":"2 COFFEE"');
  });

  test('I07: a compensated order that keeps its stock is found', async () => {
    const found = violationsOf('I07', ['inventory', `delete from stock_move where kind = 'returned'`]);
    await expect(found).resolves.toContain(compensated);
  });

  test('I08: a completed order that paid another amount is found', async () => {
    const found = violationsOf('I08', [
      'payment',
      `update ledger_entry set amount_minor = sign(amount_minor) * 1
       where transaction_id = '${completed}'`,
    ]);
    await expect(found).resolves.toContain('"side":"books","paid":"1 EUR","wanted":"3780 EUR"');
  });

  test('I08: a compensated order whose money was kept is found', async () => {
    const found = violationsOf('I08', [
      'payment',
      `delete from ledger_entry where kind in ('refund', 'withdrawal')`,
    ]);
    await expect(found).resolves.toContain(compensated);
  });

  test('I08: a double charge outside is found, though the books know of one', async () => {
    const found = violationsOf('I08', [
      'payment',
      `insert into outside_card values (9, 'charge', 'another-key', null, 3780, 'EUR', '${completed}')`,
    ]);
    await expect(found).resolves.toContain('"side":"card network","paid":"7560 EUR"');
  });

  test('I08: a charge in another currency is found', async () => {
    const found = violationsOf('I08', [
      'payment',
      `update ledger_entry set currency = 'JPY' where transaction_id = '${completed}'`,
    ]);
    await expect(found).resolves.toContain('3780 JPY');
  });

  test('I09: a completed order without a shipment is found', async () => {
    const found = violationsOf('I09', ['shipping', 'delete from shipment']);
    await expect(found).resolves.toContain('"side":"books","live":0');
  });

  test('I09: a second parcel outside is found', async () => {
    const found = violationsOf('I09', [
      'shipping',
      `insert into outside_parcel values (9, 'shipment', 'another-key', null, '${completed}')`,
    ]);
    await expect(found).resolves.toContain('"side":"carrier","live":2');
  });

  test('I09: a compensated order whose parcel is on its way is found', async () => {
    const found = violationsOf('I09', [
      'shipping',
      `insert into outside_parcel values (9, 'shipment', '${compensated}/create-shipment', null, '${compensated}')`,
    ]);
    await expect(found).resolves.toContain(compensated);
  });

  test('I09: a shipment whose state its log does not explain is found', async () => {
    const found = violationsOf('I09', [
      'shipping',
      `update shipment set status = 'cancelled', cancelled_at = now()`,
    ]);
    await expect(found).resolves.toContain('"moves":"created"');
  });
});

describe('transactions', () => {
  test('I10: a transaction that still moves is found', async () => {
    const found = violationsOf('I10', ['orchestrator', transaction(unknown, 'executing', null)]);
    await expect(found).resolves.toContain(unknown);
  });

  test('I10, I11, I16: one that is nobody’s order has no order, may wait for months, and undoes in its own order', async () => {
    const other = (text: string) => text.replace('place-order', 'subscription');
    const findings = await findingsAfter([
      ['orchestrator', other(transaction(unknown, 'executing', null))],
      ['orchestrator', `update transaction set due_at = 'infinity' where transaction_id = '${unknown}'`],
      ['orchestrator', journal(unknown, ['first', 'second'], ['first', 'second'])],
    ]);
    expect(findings.flatMap(({ violations }) => violations)).toEqual([]);
  });

  test('I10: one that is parked without a reason is found', async () => {
    const found = violationsOf('I10', [
      'orchestrator',
      `update transaction set reason = null where status = 'parked'`,
    ]);
    await expect(found).resolves.toContain(parked);
  });

  test('I10, I11, S32: one that a person gave up is at an end with its reason, and its order stays as it was', async () => {
    const reason = { kind: 'terminated', actor: 'ann', because: 'lost', abandoned: [] };
    const findings = await findingsAfter([
      ['orchestrator', transaction(unknown, 'terminated', reason)],
      ['order', orderRow(unknown, 'k9', 1, 'PENDING')],
    ]);
    const found = findings.filter(({ check: { id } }) => id === 'I10' || id === 'I11');
    expect(found.flatMap(({ violations }) => violations)).toEqual([]);
    await expect(
      violationsOf('I10', ['orchestrator', transaction(unknown, 'terminated', null)]),
    ).resolves.toContain(unknown);
  });

  test.each([
    ['of a transaction at its end', completed],
    ['of a transaction that there is not', unknown],
  ])('S101: a lock %s is found', async (_what, id) => {
    const found = violationsOf('S101', ['orchestrator', lockOf(id)]);
    await expect(found).resolves.toContain(`"transactionId":"${id}","branch":"a-branch","key":"a-key"`);
  });

  test('S101: a lock of one that is still on its way, or parked, is no violation', async () => {
    const found = violationsOf('S101', ['orchestrator', lockOf(parked)]);
    await expect(found).resolves.toBe('[]');
  });

  test('I11: an order without a transaction is found', async () => {
    const found = violationsOf('I11', ['order', orderRow(unknown, 'k9', 1, 'PENDING')]);
    await expect(found).resolves.toContain(
      `"transactionId":"${unknown}","transaction":null,"order":"PENDING"`,
    );
  });

  test('I11: a transaction without an order is found', async () => {
    const found = violationsOf('I11', ['order', `delete from orders where order_id = '${completed}'`]);
    await expect(found).resolves.toContain('"transaction":"completed","order":null');
  });

  test('I11: an order at another end than its transaction is found', async () => {
    const found = violationsOf('I11', [
      'order',
      `update orders set status = 'REJECTED' where order_id = '${completed}'`,
    ]);
    await expect(found).resolves.toContain('"transaction":"completed","order":"REJECTED"');
  });

  test('I11: what is left of a transaction that nobody knows is found', async () => {
    const found = violationsOf('I11', ['payment', charge(unknown, 5)]);
    await expect(found).resolves.toContain(unknown);
  });

  test('I15: a compensated transaction that left a step done is found', async () => {
    const found = violationsOf('I15', ['inventory', `delete from barrier where operation = 'compensation'`]);
    await expect(found).resolves.toContain('"branch":"reserve-inventory"');
  });

  test('I15: a completed transaction that undid something is found', async () => {
    const found = violationsOf('I15', [
      'inventory',
      barrierRow(completed, 'reserve-inventory', 'compensation', 'succeeded'),
    ]);
    await expect(found).resolves.toContain(completed);
  });

  test('I15: a call left open by a transaction at its end is found', async () => {
    const found = violationsOf('I15', [
      'shipping',
      barrierRow(completed, 'other-branch', 'action', 'claimed'),
    ]);
    await expect(found).resolves.toContain('"outcome":"claimed"');
  });

  test('I15: an end of which the order was not told is found', async () => {
    const found = violationsOf('I15', ['order', `update barrier set branch_id = 'reject-order'`]);
    await expect(found).resolves.toContain('"wanted":"CONFIRMED","told":"REJECTED"');
  });

  test('I17: a branch that was kept and let go is found', async () => {
    const found = violationsOf(
      'I17',
      ['payment', barrierRow(completed, 'authorize-payment', 'confirm', 'succeeded')],
      ['payment', barrierRow(completed, 'authorize-payment', 'cancel', 'succeeded')],
    );
    await expect(found).resolves.toContain('"branch":"authorize-payment","operation":"cancel"');
  });

  test('I17: something kept beside an undone end is found', async () => {
    const found = violationsOf('I17', [
      'inventory',
      barrierRow(compensated, 'hold-stock', 'confirm', 'succeeded'),
    ]);
    await expect(found).resolves.toContain('"branch":"hold-stock","operation":"confirm"');
  });

  test('I17: something held that the good end forgot to keep is found', async () => {
    const found = violationsOf('I17', ['inventory', barrierRow(completed, 'hold-stock', 'try', 'succeeded')]);
    await expect(found).resolves.toContain('"branch":"hold-stock","operation":"try"');
  });

  test.each([completed, compensated])('I17: money that is still held at an end is found', async (id) => {
    await expect(violationsOf('I17', ['payment', hold(id, 7)])).resolves.toContain('"stock":0,"money":7');
  });

  test('I18: a commit that nobody decided, and an abort against the decision, are found', async () => {
    const decided = `insert into journal (transaction_id, epoch, seq, event)
      values ('${compensated}', 1, 9, '{"type": "decided", "decision": "commit"}')`;
    const found = await violationsOf(
      'I18',
      ['orchestrator', `update transaction set status = 'committed' where transaction_id = '${completed}'`],
      ['orchestrator', `update transaction set status = 'aborted' where transaction_id = '${compensated}'`],
      ['orchestrator', decided],
    );
    expect(found).toContain('"status":"committed","decided":false');
    expect(found).toContain('"status":"aborted","decided":true');
  });

  test('I20: a commit that was acknowledged before it was decided is found', async () => {
    const told = (seq: number, event: object): Damage => [
      'orchestrator',
      `insert into journal (transaction_id, epoch, seq, event)
       values ('${completed}', 1, ${seq}, '${JSON.stringify(event)}')`,
    ];
    const reply = { outcome: 'succeeded', output: {} };
    const found = violationsOf(
      'I20',
      told(8, { type: 'replied', branchId: 'hold-stock', operation: 'commit', reply }),
      told(9, { type: 'decided', decision: 'commit' }),
    );
    await expect(found).resolves.toContain('"decidedAt":9,"committedAt":8');
  });

  test('I16: undos in the order of their dos are found', async () => {
    const found = violationsOf(
      'I16',
      ['orchestrator', `delete from journal where transaction_id = '${compensated}'`],
      [
        'orchestrator',
        journal(
          compensated,
          ['reserve-inventory', 'charge-payment'],
          ['reserve-inventory', 'charge-payment'],
        ),
      ],
    );
    await expect(found).resolves.toContain(
      '"undoneFirst":"reserve-inventory","undoneLater":"charge-payment"',
    );
  });

  test('I19: a prepared database transaction that nobody ended is found', async () => {
    const client = new pg.Client({ connectionString: books.urls.payment });
    await client.connect();
    try {
      await client.query(`begin; insert into ledger_entry values ('op', 'a', 'charge', 'EUR', 1, 't');
        prepare transaction 'payment:t:b'`);
      await expect(violationsOf('I19')).resolves.toContain('"gid":"payment:t:b"');
    } finally {
      await client.query(`rollback prepared 'payment:t:b'`);
      await client.end();
    }
  });

  test('I21: a message that is left in an outbox is found, without its body', async () => {
    const found = await violationsOf('I21', [
      'order',
      `insert into outbox (key, owner, claimed_until, message)
       values ('${completed}', 'somebody', now(), '{"type": "order.placed", "topic": "order.events", "data": {"name": "Ada"}}')`,
    ]);
    expect(found).toContain('"type":"order.placed"');
    expect(found).not.toContain('Ada');
  });

  test('I26: an epoch that falls back is found', async () => {
    const found = violationsOf('I26', ['orchestrator', `update journal set epoch = 9 where seq = 2`]);
    await expect(found).resolves.toContain('"epochBefore":"9","epoch":"1"');
  });

  test('I26: a missing event is found', async () => {
    const found = violationsOf('I26', ['orchestrator', `delete from journal where seq = 2`]);
    await expect(found).resolves.toContain(completed);
  });

  test('I33: more attempts than the policy allows are found', async () => {
    const found = violationsOf('I33', [
      'orchestrator',
      `update journal set event = jsonb_set(event::jsonb, '{attempt}', '11')::json
       where event ->> 'operation' = 'compensation' and event ->> 'branchId' = 'charge-payment'`,
    ]);
    await expect(found).resolves.toContain('"attempts":11,"attemptsMax":10');
  });
});

describe('effects', () => {
  test('I12: one step that took effect in two generations is found', async () => {
    const found = violationsOf('I12', [
      'payment',
      barrierRow(completed, 'charge-payment', 'action', 'succeeded', 2),
    ]);
    await expect(found).resolves.toContain('"barrierRows":"2"');
  });

  test.each([
    ['inventory', stockMove(unknown, 'action', 1)],
    ['payment', charge(unknown, 100)],
    [
      'shipping',
      `insert into shipment_move (operation_id, transaction_id, branch_id, kind)
       values ('${unknown}/create-shipment/action', '${unknown}', 'create-shipment', 'created')`,
    ],
  ] as const)('I12: an effect in %s that no barrier row explains is found', async (service, sql) => {
    await expect(violationsOf('I12', [service, sql])).resolves.toContain(unknown);
  });

  test('I12: a barrier row whose effect was lost is found', async () => {
    const found = violationsOf('I12', ['shipping', 'delete from shipment_move']);
    await expect(found).resolves.toContain('"hasEffect":false');
  });

  test('I12: an order at its end that was told of none is found', async () => {
    const found = violationsOf('I12', ['order', 'delete from barrier']);
    await expect(found).resolves.toContain('"status":"CONFIRMED"');
  });

  test('I12: two charges outside for one order are found', async () => {
    const found = violationsOf('I12', [
      'payment',
      `insert into outside_card values (9, 'charge', 'another-key', null, 3780, 'EUR', '${completed}')`,
    ]);
    await expect(found).resolves.toContain('"kind":"charge","times":"2"');
  });

  test('I13: an undo of what was never done is found', async () => {
    const found = violationsOf('I13', [
      'shipping',
      barrierRow(unknown, 'create-shipment', 'compensation', 'succeeded'),
    ]);
    await expect(found).resolves.toContain(unknown);
  });

  test('I13: stock that returned without being taken is found', async () => {
    const found = violationsOf('I13', ['inventory', stockMove(unknown, 'compensation', 1)]);
    await expect(found).resolves.toContain('"kind":"returned","quantity":"1","before":null');
  });

  test.each(['deducted', 'released'])('I13: stock that was %s without being held is found', async (kind) => {
    const found = violationsOf('I13', [
      'inventory',
      `insert into stock_move (operation_id, sku, transaction_id, kind, quantity)
       values ('${unknown}/hold-stock/end', 'COFFEE', '${unknown}', '${kind}', 1)`,
    ]);
    await expect(found).resolves.toContain(`"kind":"${kind}","quantity":"1","before":null`);
  });

  test('I13: a hold that ends without having been made is found', async () => {
    const ended = hold(unknown, 100).replaceAll("'hold'", "'release'");
    await expect(violationsOf('I13', ['payment', ended])).resolves.toContain('"heldMinor":null');
  });

  test('I13: a refund without its charge is found', async () => {
    const found = violationsOf('I13', ['payment', refund(unknown, 100)]);
    await expect(found).resolves.toContain('"refundedMinor":"100","chargedMinor":null');
  });

  test('I13: a cancelled shipment that was never created is found', async () => {
    const found = violationsOf('I13', [
      'shipping',
      `insert into shipment_move (operation_id, transaction_id, branch_id, kind)
       values ('${unknown}/create-shipment/compensation', '${unknown}', 'create-shipment', 'cancelled')`,
    ]);
    await expect(found).resolves.toContain('"kind":"cancelled"');
  });

  test('I14: an action that took effect after its empty undo is found', async () => {
    const found = violationsOf('I14', [
      'inventory',
      barrierRow(completed, 'reserve-inventory', 'compensation', 'empty'),
    ]);
    await expect(found).resolves.toContain('action succeeded, compensation empty');
  });

  test('I14: stock taken after it was returned is found', async () => {
    const found = violationsOf('I14', [
      'inventory',
      `update stock_move set occurred_at = occurred_at + interval '1 hour'
       where transaction_id = '${compensated}' and kind = 'taken'`,
    ]);
    await expect(found).resolves.toContain(compensated);
  });

  test('I14: a charge booked after its refund is found', async () => {
    const found = violationsOf('I14', [
      'payment',
      `update ledger_entry set occurred_at = occurred_at + interval '1 hour'
       where transaction_id = '${compensated}' and kind = 'charge'`,
    ]);
    await expect(found).resolves.toContain(compensated);
  });

  test('I14: a charge under a key that a tombstone had closed is found', async () => {
    const found = violationsOf('I14', [
      'payment',
      `insert into outside_card values (0, 'tombstone', '${completed}/charge-payment', '${completed}/charge-payment', 0,
         null, '${completed}')`,
    ]);
    await expect(found).resolves.toContain('"closedBy":"tombstone"');
  });

  test('I14: a parcel under a key that was cancelled before is found', async () => {
    const found = violationsOf('I14', [
      'shipping',
      `insert into outside_parcel values (0, 'tombstone', '${completed}/create-shipment', '${completed}/create-shipment',
         '${completed}')`,
    ]);
    await expect(found).resolves.toContain('"kind":"shipment","closedBy":"tombstone"');
  });
});

describe('the world outside', () => {
  test.each([
    [
      'a charge that was never booked',
      `insert into outside_card values (9, 'charge', 'k', null, 5, 'EUR', '${unknown}')`,
      '"branch":"k"',
    ],
    [
      'a booked charge that was never made',
      `delete from outside_card where reference = '${completed}'`,
      `${completed}/charge-payment`,
    ],
    [
      'a charge booked with another amount',
      `update outside_card set amount_minor = 1 where position = 1`,
      '"outsideMinor":"1"',
    ],
    [
      'a refund that was never booked',
      `insert into outside_card values (9, 'refund', 'r', 'k', 5, 'EUR', '${unknown}')`,
      '"branch":"k"',
    ],
    [
      'a booked refund that was never made',
      `delete from outside_card where kind = 'refund'`,
      `${compensated}/charge-payment`,
    ],
    [
      'a hold that was never booked',
      `insert into outside_card values (9, 'authorize', 'k', null, 5, 'EUR', '${unknown}')`,
      '"branch":"k"',
    ],
    ['a booked hold that was never made', hold(unknown, 5), `${unknown}/authorize-payment`],
    [
      'a void that was never booked',
      `insert into outside_card values (9, 'void', 'v', 'k', 5, 'EUR', '${unknown}')`,
      '"branch":"k"',
    ],
  ])('R27: %s is found', async (_, sql, shown) => {
    await expect(violationsOf('R27', ['payment', sql])).resolves.toContain(shown);
  });

  test.each([
    [
      'a parcel that was never logged',
      `insert into outside_parcel values (9, 'shipment', 'k', null, '${unknown}')`,
      '"branch":"k","kind":"created"',
    ],
    ['a logged parcel that was never sent', 'delete from outside_parcel', `${completed}/create-shipment`],
    [
      'a cancellation that was never logged',
      `insert into outside_parcel values (9, 'cancellation', 'c', 'k', '${unknown}')`,
      '"branch":"k","kind":"cancelled"',
    ],
    [
      'a place that was held and never logged',
      `insert into outside_parcel values (9, 'booking', 'k', null, '${unknown}')`,
      '"branch":"k","kind":"held"',
    ],
    [
      'a place that was let go and never logged',
      `insert into outside_parcel values (8, 'booking', 'k', null, '${unknown}'),
         (9, 'cancellation', 'c', 'k', '${unknown}')`,
      '"branch":"k","kind":"released"',
    ],
  ])('R27: %s is found', async (_, sql, shown) => {
    await expect(violationsOf('R27', ['shipping', sql])).resolves.toContain(shown);
  });
});

describe('what clients were promised', () => {
  test('I27: an acknowledged order that does not exist is found', async () => {
    const found = violationsOf('I27', [
      'order',
      `insert into client_answer values (9, 'ada', 'k9', 202, '${unknown}')`,
    ]);
    await expect(found).resolves.toContain('"order":"missing"');
  });

  test('I27: a refused order that exists is found', async () => {
    const found = violationsOf('I27', [
      'order',
      `insert into client_answer values (9, 'ada', 'k3', 400, null)`,
    ]);
    await expect(found).resolves.toContain(parked);
  });

  test('I27: an order of unknown fate may exist or not', async () => {
    const found = violationsOf('I27', [
      'order',
      `insert into client_answer values (9, 'ada', 'k3', 0, null), (10, 'ada', 'k9', 503, null)`,
    ]);
    await expect(found).resolves.toBe('[]');
  });

  test('I28: one key that was answered with two orders is found', async () => {
    const found = violationsOf('I28', [
      'order',
      `insert into client_answer values (9, 'ada', 'k1', 202, '${compensated}')`,
    ]);
    await expect(found).resolves.toContain(`"otherOrderId":"${compensated}"`);
  });

  test('I28: two orders under one key are found', async () => {
    const found = violationsOf('I28', ['order', orderRow(unknown, 'k1', 1, 'PENDING')]);
    await expect(found).resolves.toContain('"orders":"2"');
  });

  test('I28: a key that was accepted once and refused once is found', async () => {
    const found = violationsOf('I28', [
      'order',
      `insert into client_answer values (9, 'ada', 'k1', 400, null)`,
    ]);
    await expect(found).resolves.toContain('"http":202,"otherHttp":400');
  });

  test('I31: an order that was seen to leave its end is found', async () => {
    const found = violationsOf('I31', [
      'order',
      `insert into client_read values (9, '${completed}', 200, 'PENDING')`,
    ]);
    await expect(found).resolves.toContain('"seen":"CONFIRMED","seenLater":"PENDING"');
  });

  test('I31: an end that the row does not show any more is found', async () => {
    const found = violationsOf('I31', [
      'order',
      `insert into client_read values (9, '${parked}', 200, 'CONFIRMED')`,
    ]);
    await expect(found).resolves.toContain('"order":"PENDING"');
  });

  test('I32: an acknowledged order that was said not to exist is found', async () => {
    const found = violationsOf('I32', [
      'order',
      `insert into client_read values (9, '${completed}', 404, null)`,
    ]);
    await expect(found).resolves.toContain('"http":404');
  });
});
