/**
 * The services of an atomic world. Every effect leaves a row in an append-only log, written with the effect, so that an
 * audit needs nothing else. All of a service's work takes one lock, so that what is in doubt is in everybody's way.
 */
import { refused, succeeded, type Half, type Reply } from '@sagamore/engine';
import { memoryTx } from '@sagamore/memory';
import {
  checkBackHandler,
  type Barrier,
  type DeclaredOperation,
  type HandledCommand,
  type Handler,
  type Tx,
} from '@sagamore/runtime';
import type { Host } from '../host.js';
import type { Provider } from '../provider.js';
import {
  authorize,
  holdStock,
  isSaved,
  noteStock,
  post,
  takeStock,
  type AtomicInput,
} from './definitions.js';

/** One effect, in the log of its service. */
export interface AtomicEffect {
  readonly transactionId: string;
  readonly branchId: string;
  readonly half: string;
}

type Declared = DeclaredOperation<AtomicInput, unknown>;

export interface HandlerParts {
  readonly host: Host;
  readonly barrier: Barrier;
  readonly cards: Provider;
}

/** The handlers of one service in one process. */
export function handlersOf(service: string, { host, barrier, cards }: HandlerParts): readonly Handler[] {
  switch (service) {
    case 'stock':
      return [...halvesOf(holdStock), prepared(takeStock), local(noteStock, 'action')];
    case 'ledger':
      return [prepared(post), checkBackHandler(isSaved, barrier)];
    case 'card':
      return external(host, cards);
    default:
      throw new TypeError(`no service is named ${service}`);
  }
}

/** What a sender's local transaction saves. */
export async function save(transactionId: string, tx: Tx): Promise<void> {
  await lockAll(tx);
  await log({ transactionId, branchId: 'save-ledger', half: 'action' }, tx);
}

function halvesOf(declared: Declared): readonly Handler[] {
  return (['action', 'confirm', 'compensation'] as const).map((half) => local(declared, half));
}

function local(operation: Declared, half: Half): Handler {
  return {
    effect: 'local',
    operation,
    half,
    handle: async (commands, tx) => {
      const replies: Reply[] = [];
      for (const command of commands) replies.push(await work(operation, command, tx));
      return replies;
    },
  };
}

function prepared(operation: Declared): Handler {
  return {
    effect: 'prepared',
    operation,
    half: 'prepare',
    work: (command, tx) => work(operation, command, tx),
  };
}

async function work({ participant }: Declared, command: HandledCommand, tx: Tx): Promise<Reply> {
  if ((command.payload as AtomicInput).no === participant) return refused('no');
  await lockAll(tx);
  await log(effectOf(command), tx);
  return succeeded({});
}

/** Authorizes, captures and voids, each under a key of its own. */
function external(host: Host, cards: Provider): readonly Handler[] {
  const shape = { effect: 'external', operation: authorize } as const;
  const record = async (settled: readonly { readonly command: HandledCommand }[], tx: Tx) => {
    for (const { command } of settled) await log(effectOf(command), tx);
  };
  return [
    {
      ...shape,
      half: 'action',
      record,
      call: ({ payload }, { providerKey: key }) => {
        const refusal = (payload as AtomicInput).no === 'card' ? 'card-declined' : undefined;
        return cards.act(host, { key, units: 1, refusal });
      },
    },
    {
      ...shape,
      half: 'confirm',
      record,
      call: (_command, { providerKey }) => cards.act(host, { key: `${providerKey}/capture`, units: 1 }),
    },
    {
      ...shape,
      half: 'compensation',
      record,
      call: (_command, { providerKey: key }) => cards.undo(host, { key, isStuck: false }),
    },
  ];
}

function effectOf({ operationId, transactionId, branchId }: HandledCommand): AtomicEffect {
  return { transactionId, branchId, half: operationId.slice(operationId.lastIndexOf('/') + 1) };
}

async function lockAll(tx: Tx): Promise<void> {
  await memoryTx(tx).table('everything').lock('everything');
}

/** Under a number of its own, never under the operation id: a second effect must be seen, not stopped. */
async function log(effect: AtomicEffect, tx: Tx): Promise<void> {
  const own = memoryTx(tx);
  await own.table<AtomicEffect>('effects').insert(String(own.next('effects')), effect);
}
