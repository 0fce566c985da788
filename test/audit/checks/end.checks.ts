/**
 * Ends: what all services and all providers together say of one transaction, once it is at rest. Every judge looks at one
 * dossier; all of them share a single walk over all dossiers, because that walk is the longest part of the audit.
 */
import { violationsMax, type Check, type Violation } from '../check.js';
import { dossiers, type Branch, type Dossier, type MoneyFacts, type TransactionFacts } from '../dossiers.js';
import { does, endOf, givenUp, keeps, undoes } from '../halves.js';
import type { AuditedStack } from '../stack.js';

interface Judge extends Pick<Check, 'id' | 'title'> {
  /** What is wrong with the dossier, or undefined. */
  judge(dossier: Dossier, stack: AuditedStack): Violation | undefined;
}

/** How an order stands when its transaction has come to its end: one that was called off was not rejected. */
function closedAs({ status, reason }: TransactionFacts): string {
  const end = endOf(status);
  if (end === undefined) return 'PENDING';
  if (end === 'completed') return 'CONFIRMED';
  return reason === 'cancelled' ? 'CANCELLED' : 'REJECTED';
}

/** A parked transaction that could not hear of an end may have told the order of it. */
const endsTold: Readonly<Record<string, readonly string[]>> = {
  'confirm-order': ['CONFIRMED'],
  'reject-order': ['REJECTED', 'CANCELLED'],
};

/** The end, whatever its protocol calls it; where there is none yet, the status. */
function statusOf({ transaction }: Dossier): string {
  return endOf(transaction?.status) ?? transaction?.status ?? 'unknown';
}

const oneEach: Judge = {
  id: 'I11',
  title: 'every order has one transaction, and both stand at the same end',
  judge: ({ id, transaction, order }) => {
    if (order === undefined && transaction === undefined)
      return { transactionId: id, transaction: null, order: null };
    const found = {
      transactionId: id,
      transaction: transaction?.status ?? null,
      order: order?.status ?? null,
    };
    if (order === undefined || transaction === undefined) return found;
    return [closedAs(transaction), ...toldBy(transaction)].includes(order.status) ? undefined : found;
  },
};

/** While some still have to keep what they hold, the order may have been told already that all will. */
function toldBy({ status, phase, reason, parkedAt }: TransactionFacts): readonly string[] {
  // Whatever the order was told before the person came stays as it is.
  if (status === givenUp) return Object.values(endsTold).flat();
  if (phase === 'final') return [];
  if (reason?.startsWith('settlement') === true) return ['CONFIRMED'];
  return phase === 'parked' ? (endsTold[parkedAt ?? ''] ?? []) : [];
}

/** An order at a middle state has all of its stock or none: a batch is reserved whole (R26). */
const stockFits: Judge = {
  id: 'I07',
  title: 'completed orders have taken exactly their stock, compensated ones none',
  judge: (dossier) => {
    const wanted = new Map((dossier.order?.lines ?? []).map(({ sku, quantity }) => [sku, quantity]));
    const net = new Map(Object.entries(dossier.stock ?? {}).filter(([, quantity]) => quantity !== 0));
    const status = statusOf(dossier);
    const isNone = net.size === 0;
    const isAll = sameAmounts(net, wanted);
    const fits = status === 'completed' ? isAll : status === 'compensated' ? isNone : isAll || isNone;
    return fits ? undefined : { transactionId: dossier.id, status, taken: told(net), wanted: told(wanted) };
  },
};

const moneyFits: Judge = {
  id: 'I08',
  title: 'completed orders have paid exactly their total, compensated ones nothing, in the books and outside',
  judge: (dossier, { hasProviders }) => {
    const status = statusOf(dossier);
    const sides = [
      ['books', dossier.books],
      ...(hasProviders ? [['card network', dossier.card] as const] : []),
    ] as const;
    for (const [side, facts] of sides) {
      const paid = nonZero(facts);
      if (!paymentFits(dossier, paid))
        return { transactionId: dossier.id, status, side, paid: told(paid), wanted: totalOf(dossier) };
    }
    return undefined;
  },
};

function paymentFits(dossier: Dossier, paid: ReadonlyMap<string, number>): boolean {
  const { order } = dossier;
  const status = statusOf(dossier);
  const isNone = paid.size === 0;
  const isAll =
    order !== undefined &&
    (order.totalMinor === 0 ? isNone : paid.size === 1 && paid.get(order.currency) === order.totalMinor);
  if (status === 'completed') return isAll;
  return status === 'compensated' ? isNone : isAll || isNone;
}

function totalOf({ order }: Dossier): string {
  return order === undefined ? 'no order' : `${order.totalMinor} ${order.currency}`;
}

const parcelFits: Judge = {
  id: 'I09',
  title: 'completed orders have exactly one live shipment, compensated ones none, in the books and outside',
  judge: (dossier, { hasProviders }) => {
    const status = statusOf(dossier);
    const sides = [
      ['books', dossier.shipment],
      ...(hasProviders ? [['carrier', dossier.parcel] as const] : []),
    ] as const;
    for (const [side, facts] of sides) {
      const live = facts?.live ?? 0;
      const fits = status === 'completed' ? live === 1 : status === 'compensated' ? live === 0 : live <= 1;
      if (!fits) return { transactionId: dossier.id, status, side, live };
    }
    return undefined;
  },
};

const undoneWhole: Judge = {
  id: 'I15',
  title: 'compensated transactions undid all they did, completed ones nothing, and no call is left open',
  judge: (dossier) => {
    const status = statusOf(dossier);
    if (status !== 'completed' && status !== 'compensated') return undefined;
    const participants = [dossier.stockBranches, dossier.paymentBranches, dossier.shippingBranches];
    const all = participants.flatMap((rows) => rows ?? []);
    const broken =
      all.find(({ outcome }) => outcome === 'claimed') ??
      (status === 'completed' ? all.find(isUndo) : all.find((row) => wasDone(row) && !isUndone(row, all)));
    if (broken === undefined) return endBranch(dossier, status);
    const { branch, operation, outcome } = broken;
    return { transactionId: dossier.id, status, branch, operation, outcome };
  },
};

/** The order was told of the end that its transaction came to, and of no other. */
function endBranch({ id, orderBranches = [] }: Dossier, status: string): Violation | undefined {
  const wanted = status === 'completed' ? 'CONFIRMED' : 'REJECTED';
  const told = orderBranches
    .filter(endsOrder)
    .map(({ branch }) => (branch === 'reject-order' ? 'REJECTED' : 'CONFIRMED'));
  return told.length === 1 && told[0] === wanted
    ? undefined
    : { transactionId: id, status, wanted, told: told.join(' ') };
}

/** Where the order was only held, that is no end yet; where its database prepared the end, it is. */
function endsOrder({ branch, operation, outcome }: Branch): boolean {
  if (outcome !== 'succeeded') return false;
  return (
    operation === 'action' || keeps(operation) || (operation === 'prepare' && branch === 'confirm-order')
  );
}

function isUndo({ operation, outcome }: Branch): boolean {
  return undoes(operation) && outcome === 'succeeded';
}

function wasDone({ operation, outcome }: Branch): boolean {
  return does(operation) && outcome === 'succeeded';
}

function isUndone({ branch }: Branch, all: readonly Branch[]): boolean {
  return all.some((row) => row.branch === branch && isUndo(row));
}

function nonZero(facts: MoneyFacts | undefined): ReadonlyMap<string, number> {
  return new Map(Object.entries(facts ?? {}).filter(([, amount]) => amount !== 0));
}

function sameAmounts(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([name, amount]) => other.get(name) === amount);
}

function told(amounts: ReadonlyMap<string, number>): string {
  return [...amounts].map(([name, amount]) => `${amount} ${name}`).join(', ') || 'nothing';
}

/** What was only held is kept or let go by all alike (I17), and a vote for yes is settled as all the others (I18). */
const settledAlike: Judge = {
  id: 'I17',
  title: 'of what was held each was kept or let go, all alike, and nothing is held at an end',
  judge: (dossier) => {
    const status = statusOf(dossier);
    const rows = [dossier.stockBranches, dossier.paymentBranches, dossier.shippingBranches].flatMap(
      (branches) => branches ?? [],
    );
    const kept = new Set(rows.filter(wasKept).map(({ branch }) => branch));
    const twice = rows.find((row) => isUndo(row) && kept.has(row.branch));
    const stranger = status === 'compensated' ? rows.find(wasKept) : undefined;
    const forgotten =
      status === 'completed'
        ? rows.find((row) => wasDone(row) && isHolding(row) && !kept.has(row.branch))
        : undefined;
    const broken = twice ?? stranger ?? forgotten;
    if (broken !== undefined) return { transactionId: dossier.id, status, ...broken };
    if (endOf(dossier.transaction?.status) === undefined) return undefined;
    const held = { stock: dossier.stockHeld?.held ?? 0, money: dossier.moneyHeld?.held ?? 0 };
    return held.stock === 0 && held.money === 0 ? undefined : { transactionId: dossier.id, status, ...held };
  },
};

function wasKept({ operation, outcome }: Branch): boolean {
  return keeps(operation) && outcome === 'succeeded';
}

/** What its database prepared is final with the commit, and leaves no row of that. */
function isHolding({ branch }: Branch): boolean {
  return branch.startsWith('hold-') || branch === 'authorize-payment';
}

const judges: readonly Judge[] = [stockFits, moneyFits, parcelFits, oneEach, undoneWhole, settledAlike];
const walks = new WeakMap<AuditedStack, Promise<ReadonlyMap<Judge, Violation[]>>>();

/** One walk for all judges; whoever asks first pays for it. */
function walk(stack: AuditedStack): Promise<ReadonlyMap<Judge, Violation[]>> {
  const known = walks.get(stack);
  if (known !== undefined) return known;
  const walked = judgeAll(stack);
  walks.set(stack, walked);
  return walked;
}

async function judgeAll(stack: AuditedStack): Promise<ReadonlyMap<Judge, Violation[]>> {
  const found = new Map(judges.map((judge): [Judge, Violation[]] => [judge, []]));
  for await (const dossier of dossiers(stack)) {
    for (const [judge, violations] of found) {
      if (violations.length >= violationsMax) continue;
      const violation = judge.judge(dossier, stack);
      if (violation !== undefined) violations.push(violation);
    }
  }
  return found;
}

export const endChecks: readonly Check[] = judges.map((judge) => ({
  id: judge.id,
  title: judge.title,
  run: async (stack) => (await walk(stack)).get(judge) ?? [],
}));
