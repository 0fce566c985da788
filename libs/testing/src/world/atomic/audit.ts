/**
 * Judges an atomic world at rest from its rows and the books outside alone: everybody or nobody, decided before anything
 * was settled, nothing left in doubt. One finding begins with the number of what it breaks.
 */
import type { MemoryStore } from '@sagamore/memory';
import type { Provider } from '../provider.js';
import type { Name } from './definitions.js';
import type { AtomicEffect } from './services.js';

export interface AtomicEvidence {
  readonly isAtRest: boolean;
  /** Found while the world ran. */
  readonly problems: readonly string[];
  readonly cards: Provider;
  store(service: string): MemoryStore;
}

interface Row {
  readonly transactionId: string;
  readonly definition: Name;
  readonly status: string;
  readonly phase: string;
  readonly reason?: unknown;
}

const services = ['stock', 'ledger', 'card'];
const good = ['confirmed', 'committed', 'delivered'];

/** What each protocol has done, in words, when it ended well and when it did not. A call to the outside may have been
 *  made and taken back, and one that holds may have held; only what was kept counts. */
const keptBy: Readonly<Record<Name, readonly string[]>> = {
  'in-tcc': ['stock hold-stock/confirm', 'card authorize-card/confirm'],
  'in-two-phases': ['stock take-stock/prepare', 'ledger post-ledger/prepare', 'card authorize-card/commit'],
  message: ['ledger save-ledger/action', 'stock note-stock/action'],
};

/** All findings; empty when all or nothing was done. */
export function audit(evidence: AtomicEvidence): readonly string[] {
  const effects = services.flatMap((service) => effectsOf(service, evidence));
  return [
    ...evidence.problems,
    ...rests(evidence),
    ...repeats(effects),
    ...rowsOf(evidence).flatMap((row) => [...wholeness(row, effects), ...outside(row, evidence)]),
    ...strangers(evidence, effects),
  ];
}

interface Seen extends AtomicEffect {
  readonly what: string;
}

function effectsOf(service: string, { store }: AtomicEvidence): readonly Seen[] {
  return store(service)
    .committed<AtomicEffect>('effects')
    .map(([, effect]) => ({ ...effect, what: `${service} ${effect.branchId}/${effect.half}` }));
}

function rowsOf({ store }: AtomicEvidence): readonly Row[] {
  return store('orchestrator')
    .committed<Row>('transaction')
    .map(([, row]) => row);
}

function rests(evidence: AtomicEvidence): readonly string[] {
  const moving = rowsOf(evidence).filter(({ phase }) => phase !== 'final');
  return [
    ...(evidence.isAtRest ? [] : ['I38: the healed world does not come to rest']),
    ...moving.map(
      ({ transactionId, status, reason }) =>
        `I10: ${transactionId} stands as ${status} ${JSON.stringify(reason)}`,
    ),
    ...services.flatMap((service) =>
      [...evidence.store(service).inDoubt.keys()].map((gid) => `I19: ${gid} is in doubt`),
    ),
  ];
}

function repeats(effects: readonly Seen[]): readonly string[] {
  const named = effects.map(({ transactionId, what }) => `${transactionId} ${what}`);
  return named
    .filter((name, index) => named.indexOf(name) !== index)
    .map((name) => `I12: ${name} took effect twice`);
}

/** I17, I18, S74: everybody, or nobody. */
function wholeness(row: Row, effects: readonly Seen[]): readonly string[] {
  const wanted = keptBy[row.definition];
  const own = new Set(
    effects.filter(({ transactionId }) => transactionId === row.transactionId).map(({ what }) => what),
  );
  const kept = wanted.filter((what) => own.has(what));
  const expected = good.includes(row.status) ? wanted.length : 0;
  const findings = kept.length === expected ? [] : [`kept ${kept.join(', ') || 'nothing'}`];
  if (row.definition === 'in-tcc') findings.push(...lettingGo(row, own));
  return findings.map((finding) => `I17, I18: ${row.transactionId} ${row.status}, and ${finding}`);
}

/** Of what was held, keeping and letting go exclude each other, and one of the two has happened. */
function lettingGo({ status }: Row, own: ReadonlySet<string>): readonly string[] {
  const held = own.has('stock hold-stock/try');
  const letGo = own.has('stock hold-stock/cancel');
  if (good.includes(status)) return letGo ? ['let go of what it kept'] : [];
  return held === letGo ? [] : [held ? 'still holds the stock' : 'let go of what it never held'];
}

/** R21: what was captured at the card network is what was kept here, and nothing is left authorized otherwise. */
function outside({ transactionId, definition, status }: Row, { cards }: AtomicEvidence): readonly string[] {
  if (definition === 'message') return [];
  const key = `${transactionId}/authorize-card`;
  const captured = cards.books.get(`${key}/capture`)?.state === 'done';
  const isAuthorized = cards.books.get(key)?.state === 'done';
  const isGood = good.includes(status);
  const findings = captured === isGood ? [] : [`R21: ${transactionId} ${status}, captured: ${captured}`];
  return isAuthorized && !isGood ? [...findings, `R21: ${transactionId} is still authorized`] : findings;
}

/** What was saved must be told: a message whose row is missing was lost. */
function strangers(evidence: AtomicEvidence, effects: readonly Seen[]): readonly string[] {
  const known = new Set(rowsOf(evidence).map(({ transactionId }) => transactionId));
  return effects
    .filter(({ transactionId }) => !known.has(transactionId))
    .map(({ transactionId, what }) => `S74: ${transactionId} did ${what}, and nobody knows of it`);
}
