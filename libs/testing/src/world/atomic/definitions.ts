/**
 * The transactions of an atomic world, one a protocol: TCC, two-phase commit with and without a call to the outside, and
 * a two-phase message. Short time-outs, so that a world of seconds holds many attempts; settling has no end.
 */
import {
  tcc,
  tccProtocol,
  twoPhaseCommit,
  twoPhaseCommitProtocol,
  twoPhaseMessage,
  twoPhaseMessageProtocol,
} from '@sagamore/engine';
import { operation } from '@sagamore/runtime';

/** What is asked of everybody, and who will say no. */
export interface AtomicInput {
  readonly no: 'stock' | 'ledger' | 'card' | 'nobody';
}

/** A schema that believes everything: the world's messages are its own. */
function trusted<T>() {
  return {
    '~standard': {
      version: 1 as const,
      vendor: 'sagamore',
      validate: (value: unknown) => ({ value: value as T }),
    },
  };
}

const shape = { input: trusted<AtomicInput>(), output: trusted<unknown>() };
const settled = { confirm: 'stock.deduct', compensation: 'stock.release' };

export const holdStock = {
  ...operation('stock.hold', { ...shape, confirm: 'deduct', undo: 'release' }),
  ...settled,
};
export const authorize = {
  ...operation('card.authorize', { ...shape, confirm: 'capture', undo: 'void', effect: 'external' }),
  confirm: 'card.capture',
  compensation: 'card.void',
};
export const takeStock = operation('stock.take', shape);
export const post = operation('ledger.post', shape);
export const isSaved = operation('ledger.is-saved', shape);
export const noteStock = operation('stock.note', shape);

const patience = {
  timeoutMs: 700,
  retry: { attemptsMax: 3, baseMs: 40, maxMs: 300 },
  settleRetry: { attemptsMax: 10_000, baseMs: 40, maxMs: 300 },
  inProgressPollMs: 150,
};
const persistent = { ...patience, retry: patience.settleRetry };
const same = (input: AtomicInput): AtomicInput => input;

export const inTcc = tcc<AtomicInput>('in-tcc', { version: 1 })
  .branch('hold-stock', holdStock, same, patience)
  .branch('authorize-card', authorize, same, patience)
  .define();

export const inTwoPhases = twoPhaseCommit<AtomicInput>('in-two-phases', { version: 1 })
  .participant('take-stock', takeStock, same, patience)
  .participant('post-ledger', post, same, patience)
  .participant('authorize-card', authorize, same, patience)
  .define();

export const message = twoPhaseMessage<AtomicInput>('message', { version: 1 })
  .sender('save-ledger', isSaved, { ...persistent, checkBackAfterMs: 800 })
  .deliver('note-stock', noteStock, same, persistent)
  .define();

export const protocols = [
  tccProtocol(inTcc),
  twoPhaseCommitProtocol(inTwoPhases),
  twoPhaseMessageProtocol(message),
];

export const names = ['in-tcc', 'in-two-phases', 'message'] as const;
export type Name = (typeof names)[number];
