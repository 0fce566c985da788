/**
 * What a user tells the explorer of a saga: its definition, what it begins with, who takes part, and which books must end
 * whole or untouched. Data and functions alone; nothing runs here.
 */
import { succeeded, type ProbeFinding, type Reply, type SagaDefinition, type Undo } from '@sagamore/engine';
import { memoryTx, type TableView } from '@sagamore/memory';
import type {
  Bus,
  Clock,
  Database,
  DeclaredOperation,
  HandledCommand,
  Handler,
  Settled,
  Tx,
} from '@sagamore/runtime';
import type { HttpRequest } from './http-service.js';

/** A service's tables inside one open transaction. */
export interface Tables {
  table<Row>(name: string): TableView<Row>;
  /** The next number of a sequence, from 1. */
  next(sequence: string): number;
}

/** Rows by the name of their table and their key. */
export type Rows = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What a service that keeps a consumer of its own is given. */
export interface OwnPorts {
  readonly bus: Bus;
  readonly database: Database;
  readonly clock: Clock;
}

/** One who takes part. `handlers`: behind the platform's participant and barrier · `start`: with a consumer of its own,
 *  begun anew whenever its process does · `answers`: called over HTTP, each request in one transaction. */
export type Service = {
  /** What is there before the saga begins. */
  readonly rows?: Rows;
} & (
  | { readonly handlers: readonly Handler[] }
  | { start(ports: OwnPorts): void | Promise<void> }
  | {
      answers(request: HttpRequest, tables: Tables): Reply | Promise<Reply>;
      /** What became of the action under a key; absent or undefined, nobody can say. */
      probed?(key: string, tables: Tables): ProbeFinding | undefined | Promise<ProbeFinding | undefined>;
    }
);

/** Reads what is committed. */
export interface Look {
  /** The rows of a service's table, by key. */
  rows<Row>(service: string, table: string): Readonly<Record<string, Row>>;
}

/** Everything that one schedule is played with. */
export interface Cast {
  /** By the names that operations begin with. */
  readonly services: Readonly<Record<string, Service>>;
  /** What must be whole or untouched when the saga has ended. Default: every row of every service but the platform's. */
  books?(look: Look): unknown;
  /** What the books show once everything was undone, given what they showed before. Default: just that. */
  undone?(before: unknown): unknown;
  /** The effects that were had, by name. None may stand there twice. */
  effects?(look: Look): readonly string[];
}

/** A saga to be explored. */
export interface Exploration {
  readonly type: 'sagamore-exploration';
  readonly definition: SagaDefinition;
  readonly input: unknown;
  /** Called anew for each schedule, so that nothing of one schedule is left to the next. */
  readonly cast: () => Cast;
}

/** Tells a saga to be explored: with `input`, by the services that `cast` answers. `cast` must be deterministic: it uses
 *  no clock and no luck, and waits for nothing but its tables. */
export function exploration<Input, Output, Parts>(
  definition: SagaDefinition<Input, Output, Parts>,
  { input, cast }: { readonly input: Input; readonly cast: () => Cast },
): Exploration {
  return Object.freeze({ type: 'sagamore-exploration', definition, input, cast });
}

/** Whether a module has exported what `exploration` made, also that of another copy of this library. */
export function isExploration(value: unknown): value is Exploration {
  return (
    typeof value === 'object' && value !== null && 'type' in value && value.type === 'sagamore-exploration'
  );
}

type Answer<Output> = Reply<Output> | Promise<Reply<Output>>;
type Done = void | Promise<void>;

/** A handler that does its work in the service's own tables. What it throws keeps nothing of its command. */
export function does<Input, Output>(
  operation: DeclaredOperation<Input, Output>,
  work: (command: HandledCommand<Input>, tables: Tables) => Answer<Output>,
): Handler {
  return local('action', operation, (command, tables) => work(command as HandledCommand<Input>, tables));
}

/** The handler that takes it back. */
export function undoes<Input, Output>(
  operation: DeclaredOperation<Input, Output>,
  work: (command: HandledCommand<Undo<Input, Output>>, tables: Tables) => Done,
): Handler {
  return local('compensation', operation, async (command, tables) => {
    await work(command as HandledCommand<Undo<Input, Output>>, tables);
    return succeeded({});
  });
}

interface Key {
  /** The same for the action, its repeats and its undo. */
  readonly providerKey: string;
}

/** A handler that calls the outside, and then records what came of it. Of a call that comes again the provider must give
 *  the answer it gave before. */
export function calls<Input, Output>(
  operation: DeclaredOperation<Input, Output>,
  call: (command: HandledCommand<Input>, key: Key) => Answer<Output>,
  record: (settled: Settled<Input, Output>, tables: Tables) => Done = () => {},
): Handler {
  return {
    effect: 'external',
    operation,
    half: 'action',
    call: async (command, key) => call(command as HandledCommand<Input>, key),
    record: (settled, tx) => each(settled, (one) => record(one as Settled<Input, Output>, memoryTx(tx))),
  };
}

/** The handler that takes it back outside. What finds nothing to undo answers `empty`. */
export function callsUndo<Input, Output>(
  operation: DeclaredOperation<Input, Output>,
  call: (command: HandledCommand<Undo<Input, Output>>, key: Key) => Answer<unknown>,
  record: (settled: Settled<Undo<Input, Output>>, tables: Tables) => Done = () => {},
): Handler {
  return {
    effect: 'external',
    operation,
    half: 'compensation',
    call: async (command, key) => call(command as HandledCommand<Undo<Input, Output>>, key),
    record: (settled, tx) =>
      each(settled, (one) => record(one as Settled<Undo<Input, Output>>, memoryTx(tx))),
  };
}

/** The participant has checked the payload by the operation's schema, so the casts above say what is known. */
function local(
  half: 'action' | 'compensation',
  operation: DeclaredOperation<unknown, unknown>,
  work: (command: HandledCommand, tables: Tables) => Answer<unknown>,
): Handler {
  return {
    effect: 'local',
    operation,
    half,
    async handle(commands: readonly HandledCommand[], tx: Tx) {
      const replies: Reply[] = [];
      for (const command of commands) replies.push(await work(command, memoryTx(tx)));
      return replies;
    },
  };
}

async function each<Item>(items: readonly Item[], work: (item: Item) => Done): Promise<void> {
  for (const item of items) await work(item);
}
