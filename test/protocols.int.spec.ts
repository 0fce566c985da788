/**
 * Goal: a token, a SKU and a country mean the same to an order whatever the protocol that places it, and every protocol
 * leaves books that the audit accepts. Method: the whole stack in one process over a real Postgres and the simulated
 * outside world; one table of fates for all protocols, and then every check of the audit.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { startLocal, type Local } from '@sagamore/local';
import { z } from 'zod';
import { placeOrder } from './support/orders.js';
import { audit } from './audit/audit.js';

jest.setTimeout(60_000);

const protocols = ['saga', 'tcc', 'two-phase-commit'] as const;
type Protocol = (typeof protocols)[number];

/** One for each: what two-phase commit keeps locked for a slow card would hold up the others' orders for the same thing. */
const skus: Readonly<Record<Protocol, string>> = {
  saga: 'ESPRESSO-CUP',
  tcc: 'MOKA-POT-6',
  'two-phase-commit': 'THERMOS-750ML',
};

interface Fate {
  readonly name: string;
  readonly paymentToken?: string;
  readonly country?: string;
  readonly postcode?: string;
  readonly sku?: string;
  /** The code of the rejection; absent where the order is confirmed. */
  readonly rejected?: string;
}

const fates: readonly Fate[] = [
  { name: 'a good card' },
  { name: 'a slow card', paymentToken: 'tok_slow' },
  { name: 'a card network that fails twice', paymentToken: 'tok_flaky' },
  { name: 'a lost reply', paymentToken: 'tok_lost_reply' },
  { name: 'a slow carrier', postcode: 'SLOW' },
  { name: 'a card whose refunds fail, never refunded', paymentToken: 'tok_refund_fails' },
  { name: 'a declined card', paymentToken: 'tok_declined', rejected: 'card-declined' },
  { name: 'a card without funds', paymentToken: 'tok_insufficient', rejected: 'insufficient-funds' },
  { name: 'an unknown card', paymentToken: 'tok_nobody', rejected: 'card-unknown' },
  { name: 'a product that is sold out', sku: 'SOLD-OUT-TEAPOT-SILVER', rejected: 'out-of-stock' },
  { name: 'Antarctica', country: 'AQ', rejected: 'country-not-served' },
];

const table = fates.flatMap((fate) => protocols.map((protocol) => ({ ...fate, protocol })));

const orderAnswer = z.object({
  orderId: z.string(),
  status: z.string(),
  protocol: z.string(),
  reason: z.object({ code: z.string() }).nullable(),
});

describe('an order by each protocol', () => {
  let directory: string;
  let stack: Local;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sagamore-protocols-'));
    await chmod(directory, 0o755);
    stack = await startLocal({ directory, port: 0, env: { LOG_LEVEL: 'silent' } });
  });

  afterAll(async () => {
    await stack?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function placed(fate: Fate & { readonly protocol: Protocol }): Promise<z.infer<typeof orderAnswer>> {
    const { protocol, sku = skus[protocol] } = fate;
    const response = await placeOrder(stack.url, { ...fate, sku, quantity: 2 });
    expect(response.status).toBe(200);
    return orderAnswer.parse(await response.json());
  }

  test.concurrent.each(table)('R28: $name, by $protocol', async (fate) => {
    const order = await placed(fate);
    expect(order).toMatchObject({
      protocol: fate.protocol,
      status: fate.rejected === undefined ? 'CONFIRMED' : 'REJECTED',
      reason: fate.rejected === undefined ? null : { code: fate.rejected },
    });
  });

  test('I01–I20: the books of all of them agree', async () => {
    const findings = await audit(
      { directory, environment: {}, waitSeconds: 20, mayStart: false, providers: true },
      { progress: () => {}, finding: () => {} },
    );
    const broken = findings.filter(({ violations }) => violations.length > 0);
    expect(broken.map(({ check, violations }) => [check.id, check.title, violations])).toEqual([]);
    expect(findings.length).toBeGreaterThan(20);
  });
});
