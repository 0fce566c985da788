/**
 * Goal: orders of every fate end as their card, goods and address say, in a stack of any shape, also when its processes are
 * killed meanwhile. Method: a client that knows only REST places them and writes down each answer; then the audit holds
 * every row of every database against the others and against that log. It starts nothing but what it killed itself.
 */
import { join } from 'node:path';
import { planOrders, type Fate } from '../e2e/fates.js';
import { OrdersClient, surprises, type OrderResult } from '../e2e/orders.client.js';
import { runAudit, untilServing, type Ended, type StackProcess } from '../e2e/stack.process.js';
import { drawKills } from './kills.js';

export interface OrdersOptions {
  readonly seed: number;
  readonly orders: number;
  /** Keeps the keys of one run apart from those of another on the same stack. */
  readonly run: string;
  /** Orders under way at one time. */
  readonly atOnce: number;
  /** Of `victimsOf` the stack; each is killed once, by kill -9, in the middle of the orders. Default: nobody. */
  readonly victims?: readonly string[];
  /** Default: every fate. */
  readonly among?: (fate: Fate) => boolean;
  /** Told with the number of orders that the stack has taken so far. */
  readonly onTaken?: (orders: number) => void;
  /** Told whenever one more has ended, or was found to wait for a person. */
  readonly onEnded?: () => void;
  readonly onKilled?: (victim: string) => void;
}

export interface OrdersVerdict {
  readonly ends: readonly OrderResult[];
  /** Orders that were to wait for a person and were helped; all the others ended by themselves. */
  readonly helped: number;
  readonly killed: readonly string[];
  /** What went otherwise than it must, in words. */
  readonly problems: readonly string[];
  readonly audit: Ended;
}

/** The name of a stack that is one process. */
const wholeStack = 'local';

/** Everything of a running stack that can be killed and comes back: its processes and servers, or the one that it is. */
export function victimsOf(stack: StackProcess): readonly string[] {
  const names = Object.keys(stack.pids());
  return names.length === 0 ? [wholeStack] : names;
}

/** Places the orders on a stack that runs, and judges. Rejects when an order is refused or does not end in its time. */
export async function placeOrders(stack: StackProcess, options: OrdersOptions): Promise<OrdersVerdict> {
  const { seed, orders, run, atOnce, victims = [], among, onTaken, onEnded, onKilled } = options;
  const log = join(stack.directory, 'client.jsonl');
  const kills = drawKills({ seed, orders, victims });
  const killing: Promise<string>[] = [];
  const strike = (victim: string): void => {
    const killed = kill(stack, victim);
    // Awaited below: until then it must not count as an error that nobody looks at.
    killed.catch(() => undefined);
    killing.push(killed);
    onKilled?.(victim);
  };
  const onAcknowledged = (count: number): void => {
    onTaken?.(count);
    const victim = kills.get(count);
    if (victim !== undefined) strike(victim);
  };
  const client = new OrdersClient({
    place: stack.place,
    log,
    atOnce,
    onAcknowledged,
    ...(onEnded !== undefined && { onEnded }),
  });
  const planned = planOrders({ seed, orders, run, ...(among !== undefined && { among }) });
  const first = await client.run(planned);
  const killed = await Promise.all(killing);
  await untilServing(stack.place);
  const ends = await client.rescue(first);
  await client.readAgain(ends);
  return {
    ends,
    helped: first.filter(({ status }, index) => status !== ends[index]?.status).length,
    killed,
    problems: [...surprises(ends), ...survivors(victims, killed)],
    audit: await runAudit(stack.directory, log),
  };
}

/** Resolves with the victim's name once it is dead; a stack in one process is then started again, for nobody else does. */
async function kill(stack: StackProcess, victim: string): Promise<string> {
  if (victim === wholeStack) {
    await stack.killAll();
    await stack.start();
    return victim;
  }
  const pid = stack.pids()[victim];
  if (pid === undefined) throw new Error(`the stack has no process ${victim}`);
  process.kill(pid, 'SIGKILL');
  return victim;
}

function survivors(victims: readonly string[], killed: readonly string[]): readonly string[] {
  return victims.filter((name) => !killed.includes(name)).map((name) => `${name} was never killed`);
}
