/**
 * Waits until the platform is quiet: most invariants hold only then. Quiet is read from rows: no transaction is moving but
 * those that only wait for long, no message waits in an outbox, no call to the outside is open, and every order that is not
 * final has its parked transaction.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { doing, givenUp, ofAnOrder, onlyWaiting } from './halves.js';
import type { AuditedStack } from './stack.js';

const lookEveryMs = 250;
/** What is between two rows for an instant (an order read, its start not yet) is not seen twice. */
const quietLooks = 2;

export interface QuietOptions {
  readonly seconds: number;
  /** Told what is waited for, whenever that changes. */
  readonly say: (text: string) => void;
}

/** Resolves with undefined once it is quiet, else after `seconds` with what still moves. With 0 it looks once. */
export async function untilQuiet(
  databases: AuditedStack['databases'],
  { seconds, say }: QuietOptions,
): Promise<string | undefined> {
  const deadline = performance.now() + seconds * 1_000;
  let said: string | undefined;
  for (let looks = 0; ;) {
    const moving = await whatMoves(databases);
    looks = moving === undefined ? looks + 1 : 0;
    if (looks === quietLooks) return undefined;
    if (performance.now() >= deadline) return moving;
    if (moving !== undefined && moving !== said) say(`waiting for ${moving}`);
    said = moving;
    await pause(lookEveryMs);
  }
}

/** In words, or undefined when nothing does. */
async function whatMoves(databases: AuditedStack['databases']): Promise<string | undefined> {
  const count = async (service: keyof typeof databases, sql: string): Promise<number> => {
    const [row] = await databases[service].query<{ count: number }>(
      `select count(*)::int as count from ${sql}`,
    );
    return row?.count ?? 0;
  };
  const pending = await count('order', `orders where status = 'PENDING'`);
  const moving = await count('orchestrator', `transaction where phase = 'moving' and not (${onlyWaiting})`);
  const parked = await count('orchestrator', `transaction where phase = 'parked'`);
  let messages = 0;
  for (const service of ['order', 'inventory', 'payment', 'shipping', 'orchestrator'] as const) {
    messages += await count(service, 'outbox');
  }
  let calls = 0;
  for (const service of ['payment', 'shipping'] as const) {
    calls += await count(service, `barrier where outcome = 'claimed' and operation in ${doing}`);
  }
  const abandoned = await count('orchestrator', `transaction where status = '${givenUp}' and ${ofAnOrder}`);
  const notBegun = Math.max(0, pending - moving - parked - abandoned);
  const found = [
    [moving, 'moving transactions'],
    [notBegun, 'orders without a transaction'],
    [messages, 'messages in outboxes'],
    [calls, 'open calls'],
  ] as const;
  const words = found.flatMap(([number, what]) => (number > 0 ? [`${number} ${what}`] : []));
  return words.length === 0 ? undefined : words.join(', ');
}
