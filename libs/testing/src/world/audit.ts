/**
 * Judges a world at rest from its rows, its topics and the books outside alone, as somebody would who has not read the
 * code. One finding begins with the number of the invariant that it breaks.
 */
import {
  childIdOf,
  startOf,
  type Message,
  type OutcomeData,
  type TransactionRecord,
} from '@sagamore/runtime';
import type { WantedOrder } from './client.js';
import { childBranch, replayOf } from './order-in-parts.js';
import { attemptsMax } from './place-order.js';
import { poisonId } from './poison.js';
import type { Provider } from './provider.js';
import type { EffectRow, OrderRow, Outside } from './services.js';
import type { TransactionEvent } from '@sagamore/engine';

/** What is there to be seen. */
export interface Evidence {
  readonly isAtRest: boolean;
  readonly facts: readonly Message[];
  readonly letters: readonly Message[];
  /** How many poison messages landed. */
  readonly poisons: number;
  /** Found while the world ran. */
  readonly problems: readonly string[];
  readonly outside: Outside;
  readonly shardCount: number;
  /** Calls to the outside that one process may make at the same time. */
  readonly callsMax: number;
  readonly holding: readonly { readonly transactions: number; readonly shards: readonly number[] }[];
  readonly initialStock: ReadonlyMap<string, number>;
  readonly orders: readonly WantedOrder[];
  rows<Row>(service: string, table: string): readonly (readonly [string, Row])[];
}

interface TransactionRow extends TransactionRecord {
  readonly status: string;
  readonly phase: string;
  readonly reason?: unknown;
}

type Event = TransactionEvent & { readonly epoch?: number };

/** All findings; empty when every invariant that can be seen here holds. */
export function audit(evidence: Evidence): readonly string[] {
  const findings = [...evidence.problems];
  const checks = [
    rests,
    letters,
    bulkheads,
    stock,
    money,
    books,
    effects,
    transactions,
    orders,
    children,
    facts,
    phantoms,
    sequence,
  ];
  for (const check of checks) findings.push(...check(evidence));
  return findings;
}

function rests(evidence: Evidence): readonly string[] {
  const findings: string[] = [];
  if (!evidence.isAtRest) {
    findings.push('I38: the healed world does not come to rest');
    for (const [, row] of evidence.rows<TransactionRow>('orchestrator', 'transaction'))
      if (row.phase !== 'final' && row.phase !== 'held')
        findings.push(`I38: ${row.transactionId} stands as ${row.status}`);
    for (const service of ['payment', 'parcel'])
      for (const [key] of evidence.rows(service, 'intent')) findings.push(`I38: intent ${service} ${key}`);
  } else if (evidence.holding.some(({ transactions: held }) => held > 0)) {
    findings.push('I39: a coordinator still holds transactions in memory');
  }
  const held = evidence.holding.flatMap(({ shards }) => shards).toSorted((a, b) => a - b);
  const all = Array.from({ length: evidence.shardCount }, (_, shard) => shard);
  for (const shard of all) if (!held.includes(shard)) findings.push(`I38: nobody holds shard ${shard}`);
  return findings;
}

/** I24: what is no message of ours lies among the dead letters, and nothing else does. */
function letters({ letters: found, poisons }: Evidence): readonly string[] {
  const wanted = Array.from({ length: poisons }, (_, number) => `${poisonId(number)}/dead-letter`);
  const ids = new Set(found.map(({ id }) => id));
  return [
    ...[...ids].filter((id) => !wanted.includes(id)).map((id) => `I24: ${id} is there`),
    ...wanted.filter((id) => !ids.has(id)).map((id) => `I24: ${id} is missing`),
  ];
}

/** R22: no process calls the outside more often at one time than it may. */
function bulkheads({ outside, callsMax }: Evidence): readonly string[] {
  return Object.entries(outside).flatMap(([name, { mostAtOnce }]: [string, Provider]) =>
    mostAtOnce > callsMax ? [`R22: ${mostAtOnce} calls at once to the ${name}, allowed are ${callsMax}`] : [],
  );
}

function stock({ initialStock, orders: wanted, rows }: Evidence): readonly string[] {
  const moves = new Map<string, number>();
  for (const [, { transactionId, half, units }] of rows<EffectRow>('stock', 'effects')) {
    const sku = wanted.find(isFor(transactionId))?.sku ?? '';
    moves.set(sku, (moves.get(sku) ?? 0) + (half === 'action' ? -units : units));
  }
  return rows<number>('stock', 'stock').flatMap(([sku, available]) => {
    const expected = (initialStock.get(sku) ?? 0) + (moves.get(sku) ?? 0);
    if (available < 0) return [`I03: ${sku} stands at ${available}`];
    return available === expected ? [] : [`I02: ${sku} stands at ${available}, its moves say ${expected}`];
  });
}

/** Whether an order is what an effect was for: of its transaction, or of that one's child. */
function isFor(transactionId: string): (order: WantedOrder) => boolean {
  return ({ transactionId: own }) => own === transactionId || childIdOf(own, childBranch) === transactionId;
}

/** What the card network kept is what completed orders cost: no more, no less (I04). */
function money({ outside, orders: wanted, rows }: Evidence): readonly string[] {
  const completed = new Set(
    rows<TransactionRow>('orchestrator', 'transaction').flatMap(([id, row]) =>
      row.status === 'completed' ? [id] : [],
    ),
  );
  const owed = wanted.reduce((sum, each) => sum + (completed.has(each.transactionId) ? each.units : 0), 0);
  const kept = [...outside.cards.books.values()].reduce(
    (sum, { state, units }) => sum + (state === 'done' ? units : 0),
    0,
  );
  return kept === owed ? [] : [`I04: the card network kept ${kept}, completed orders cost ${owed}`];
}

/** The books of the services follow the books outside. */
function books({ outside, rows }: Evidence): readonly string[] {
  const findings: string[] = [];
  for (const [service, provider] of [
    ['payment', outside.cards],
    ['parcel', outside.carrier],
  ] as const) {
    for (const [key, times] of provider.effects)
      if (times > 1) findings.push(`I12: ${service} had ${times} effects outside under ${key}`);
    const net = new Map<string, number>();
    for (const [, { transactionId, branchId, half }] of rows<EffectRow>(service, 'effects')) {
      const key = `${transactionId}/${branchId}`;
      net.set(key, (net.get(key) ?? 0) + (half === 'action' ? 1 : -1));
    }
    for (const key of new Set([...net.keys(), ...provider.books.keys()])) {
      const isDone = provider.books.get(key)?.state === 'done' ? 1 : 0;
      if ((net.get(key) ?? 0) !== isDone)
        findings.push(`I05: ${service} ${key}: ${isDone} outside, ${net.get(key) ?? 0} in the books`);
    }
  }
  return findings;
}

/** Each effect once, no undo before its action, no action after its undo. */
function effects({ rows }: Evidence): readonly string[] {
  const findings: string[] = [];
  for (const service of ['stock', 'payment', 'parcel', 'orders']) {
    const seen = new Set<string>();
    const inOrder = rows<EffectRow>(service, 'effects').toSorted(([a], [b]) => Number(a) - Number(b));
    for (const [, { operationId, transactionId, branchId, half }] of inOrder) {
      const branch = `${transactionId}/${branchId}`;
      if (seen.has(operationId)) findings.push(`I12: ${service} had the effect ${operationId} twice`);
      if (half === 'compensation' && !seen.has(`${branch}/action`))
        findings.push(`I13: ${service} undid ${branch}, which had not been done`);
      if (half === 'action' && seen.has(`${branch}/compensation`))
        findings.push(`I14: ${service} did ${branch} after it was undone`);
      seen.add(operationId);
    }
  }
  return findings;
}

function transactions(evidence: Evidence): readonly string[] {
  const stories = new Map<string, [number, Event][]>();
  for (const [key, { seq, event }] of evidence.rows<{ seq: number; event: Event }>(
    'orchestrator',
    'journal',
  )) {
    const id = key.slice(0, key.indexOf('#'));
    stories.set(id, [...(stories.get(id) ?? []), [seq, event]]);
  }
  return evidence.rows<TransactionRow>('orchestrator', 'transaction').flatMap(([id, row]) =>
    storyOf(
      row,
      (stories.get(id) ?? []).toSorted(([a], [b]) => a - b),
    ),
  );
}

function storyOf(row: TransactionRow, story: readonly [number, Event][]): readonly string[] {
  const { transactionId: id, status, phase, reason, definition } = row;
  const { protocol } = replayOf(definition);
  const findings: string[] = [];
  const events = story.map(([, event]) => event);
  const isGapless = story.every(([seq], index) => seq === index + 1);
  if (!isGapless) findings.push(`I26: the journal of ${id} has gaps`);
  if (events.some((event, index) => (event.epoch ?? 0) < (events[index - 1]?.epoch ?? 0)))
    findings.push(`I26: the epochs of ${id} decrease`);
  if (status === 'parked' && reason === undefined) findings.push(`I10: ${id} is parked without a reason`);
  if (phase === 'parked') findings.push(`I10: ${id} stays parked: ${JSON.stringify(reason)}`);
  let { state, commands } = protocol.begin(startOf(row));
  let asked = [...commands];
  for (const event of events) {
    ({ state, commands } = protocol.transition(state, event));
    asked = [...asked, ...commands];
  }
  const standing = protocol.standing(state);
  if (phase !== 'moving' && standing.status !== status)
    findings.push(`I31: ${id} is ${status}, its journal says ${standing.status}`);
  for (const command of asked)
    if (command.type === 'send' && command.attempt > attemptsMax)
      findings.push(`I33: ${id} was asked for ${command.branchId} ${command.attempt} times`);
  return [...findings, ...undosOf(row, events)];
}

/** I16: what was undone was undone from the last to the first. */
function undosOf(row: TransactionRow, events: readonly Event[]): readonly string[] {
  const { transactionId: id, definition } = row;
  const { protocol, steps } = replayOf(definition);
  const lines = protocol.timeline(startOf(row), events);
  const place = (name: string) => steps.indexOf(name);
  const undone = lines.filter(({ operation }) => operation === 'compensation').map(({ name }) => place(name));
  const isReverse = undone.every((step, index) => index === 0 || step < undone[index - 1]!);
  return isReverse ? [] : [`I16: ${id} was undone in the order of steps ${undone.join(', ')}`];
}

const ends: Readonly<Record<string, string>> = { completed: 'CONFIRMED', compensated: 'REJECTED' };

/** I07 to I09, I11, I15: an order is what its transaction is, and so is everything that was done for it. */
function orders({ rows, orders: wanted }: Evidence): readonly string[] {
  const findings: string[] = [];
  const placed = new Map(rows<OrderRow>('orders', 'orders'));
  const stored = new Map(rows<TransactionRow>('orchestrator', 'transaction'));
  const net = netOf(rows, wanted);
  const roots = [...stored.values()].filter(({ parent }) => parent === undefined).length;
  if (roots !== wanted.length) findings.push(`I11: ${wanted.length} orders, ${roots} transactions`);
  for (const { orderId, transactionId: id } of wanted) {
    const status = stored.get(id)?.status ?? 'none';
    const order = placed.get(orderId)?.status;
    if (order !== (ends[status] ?? 'PENDING') && ends[status] !== undefined)
      findings.push(`I11: ${id} is ${status}, its order is ${order}`);
    if (ends[status] === undefined) continue;
    for (const step of ['stock', 'payment', 'parcel']) {
      const { done, undone } = net.get(`${step} ${id}`) ?? { done: 0, undone: 0 };
      if (status === 'completed' && (done !== 1 || undone !== 0))
        findings.push(`I07: ${id} completed, ${step} did ${done} and undid ${undone}`);
      if (status === 'compensated' && done !== undone)
        findings.push(`I15: ${id} is compensated, ${step} did ${done} and undid ${undone}`);
    }
  }
  return findings;
}

function netOf(
  rows: Evidence['rows'],
  wanted: readonly WantedOrder[],
): ReadonlyMap<string, { readonly done: number; readonly undone: number }> {
  const net = new Map<string, { done: number; undone: number }>();
  for (const service of ['stock', 'payment', 'parcel']) {
    for (const [, { transactionId, half }] of rows<EffectRow>(service, 'effects')) {
      const key = `${service} ${wanted.find(isFor(transactionId))?.transactionId}`;
      const sum = net.get(key) ?? { done: 0, undone: 0 };
      if (half === 'action') sum.done++;
      else sum.undone++;
      net.set(key, sum);
    }
  }
  return net;
}

/** S24: a child is done as long as its parent is, and undone with it; what it returned stands in its row alone. */
function children({ rows }: Evidence): readonly string[] {
  const stored = rows<TransactionRow & { readonly output?: unknown }>('orchestrator', 'transaction');
  const byId = new Map(stored);
  const findings = stored.flatMap(([id, { parent, status, phase, output }]) => {
    if (parent === undefined || (phase !== 'held' && phase !== 'final')) return [];
    const above = byId.get(parent.transactionId)?.status;
    const isDone = status === 'completed';
    if (isDone !== (output !== undefined))
      return [`S24: ${id} is ${status}, its output ${JSON.stringify(output)}`];
    return isDone === (above === 'completed') ? [] : [`S24: ${id} is ${status}, its parent ${above}`];
  });
  const isWanting = ([id, { definition, status }]: readonly [string, TransactionRow]) =>
    definition === 'place-order-in-parts' && status === 'completed' && !byId.has(childIdOf(id, childBranch));
  return [...findings, ...stored.filter(isWanting).map(([id]) => `S24: ${id} completed without its child`)];
}

/** I21, I31: every end was told, the same end each time; a child that was done may be undone after all. */
function facts({ facts: told, rows }: Evidence): readonly string[] {
  const byId = new Map<string, Set<string>>();
  for (const { data } of told) {
    const { transactionId, outcome } = data as OutcomeData;
    if (outcome !== 'parked') byId.set(transactionId, (byId.get(transactionId) ?? new Set()).add(outcome));
  }
  return rows<TransactionRow>('orchestrator', 'transaction').flatMap(([id, { status, phase, parent }]) => {
    const ends = [...(byId.get(id) ?? [])];
    const wasHeld = parent !== undefined && status === 'compensated';
    const outcomes = wasHeld ? ends.filter((outcome) => outcome !== 'completed') : ends;
    if (phase === 'held' && outcomes.length === 1 && outcomes[0] === 'completed') return [];
    if (phase !== 'final' && outcomes.length > 0) return [`I31: ${id} is ${status}, told as ${outcomes[0]}`];
    if (phase !== 'final') return [];
    if (outcomes.length === 0) return [`I21: the end of ${id} was never told`];
    return outcomes.length === 1 && outcomes[0] === status
      ? []
      : [`I31: ${id} is ${status}, told as ${outcomes.join(' and ')}`];
  });
}

/** I22: what was told had happened. */
function phantoms({ facts: told, rows }: Evidence): readonly string[] {
  // One that comes to rest as it begins has no event yet.
  const written = new Map(rows<TransactionRow>('orchestrator', 'transaction').map(([id]) => [id, 0]));
  for (const [key, { seq }] of rows<{ seq: number }>('orchestrator', 'journal')) {
    const id = key.slice(0, key.indexOf('#'));
    written.set(id, Math.max(seq, written.get(id) ?? 0));
  }
  return told.flatMap(({ id, key }) => {
    const seq = seqOf(id);
    return seq > (written.get(key) ?? -1) ? [`I22: ${id} was told and is not in the journal`] : [];
  });
}

/** I23: what was told of one transaction first appeared in the order in which it happened; repeats may come at any time. */
function sequence({ facts: told }: Evidence): readonly string[] {
  const latest = new Map<string, number>();
  const seen = new Set<string>();
  return told.flatMap(({ id, key }) => {
    if (seen.has(id)) return [];
    seen.add(id);
    const before = latest.get(key) ?? -1;
    latest.set(key, Math.max(before, seqOf(id)));
    return seqOf(id) < before ? [`I23: ${id} was told after number ${before}`] : [];
  });
}

/** A fact's id ends with the number of the event that it tells. */
function seqOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('/') + 1));
}
