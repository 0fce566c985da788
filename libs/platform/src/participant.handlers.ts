/**
 * From the methods that Nest found to the handlers the participant runtime works with, with every mistake in the wiring
 * named at once (S22). Pure but for calling the methods; it must never start anything.
 */
import { partOf, succeeded, type Reply } from '@sagamore/engine';
import type {
  ExternalHandler,
  HandledCommand,
  Handler,
  LocalHandler,
  PreparedHandler,
  Settled,
  Tx,
} from '@sagamore/runtime';
import { Fault } from '@sagamore/resilience';
import type { AnyOperation, CallContext, HandlerRole } from './participant.decorators.js';

/** One method behind Nest's pipeline of pipes, guards and interceptors. */
export interface RoledMethod {
  readonly role: HandlerRole;
  readonly run: (payload: unknown, context: Tx | CallContext) => Promise<unknown>;
}

/** Pairs and checks the methods of `service`. Throws one `CONFIGURATION_INVALID` that lists every finding: an operation
 *  handled twice, one of another service, one declared external but handled locally or the reverse, half of a pair, an
 *  undo that is declared but not handled, and one prepared that the database cannot prepare. */
export function handlersOf(service: string, methods: readonly RoledMethod[]): readonly Handler[] {
  const findings = [
    ...strangers(service, methods),
    ...repeats(methods),
    ...mismatches(methods),
    ...unpreparable(methods),
    ...gaps(methods),
  ];
  if (findings.length > 0) {
    const message = `the handlers of ${service} do not fit its operations: ${findings.join('; ')}`;
    throw new Fault('CONFIGURATION_INVALID', message, { retryable: false });
  }
  return methods.flatMap((method) => handlerOf(method, methods));
}

function strangers(service: string, methods: readonly RoledMethod[]): readonly string[] {
  return methods
    .filter(({ role }) => role.operation.participant !== service)
    .map(({ role }) => `${role.pattern} belongs to ${role.operation.participant}`);
}

function repeats(methods: readonly RoledMethod[]): readonly string[] {
  const patterns = methods.map(({ role }) => role.pattern);
  const repeated = patterns.filter((pattern, index) => patterns.indexOf(pattern) !== index);
  return [...new Set(repeated)].map((pattern) => `${pattern} is handled more than once`);
}

function mismatches(methods: readonly RoledMethod[]): readonly string[] {
  return methods
    .filter(({ role }) => role.operation.effect !== effectOf(role))
    .map(({ role }) => `${role.pattern} is ${role.operation.effect} but handled as ${effectOf(role)}`);
}

/** What has a confirm only holds, and its own handlers settle it: nothing is left for the database to keep (R21). And
 *  one who is asked alone is asked for the action, so there is one handler for both. */
function unpreparable(methods: readonly RoledMethod[]): readonly string[] {
  const acted = new Set(
    methods.flatMap(({ role }) => (role.half === 'action' ? [role.operation.action] : [])),
  );
  return methods
    .filter(({ role }) => role.shape === 'prepared')
    .flatMap(({ role: { operation, pattern } }) => [
      ...(operation.confirm === undefined ? [] : [`${pattern} has a confirm, so it is held, not prepared`]),
      ...(acted.has(operation.action) ? [`${pattern} does the action too, which has a handler`] : []),
    ]);
}

/** Every operation of which anything is handled must be handled whole: its action, and its confirm and its undo where it
 *  has them. What is prepared does the action too. */
function gaps(methods: readonly RoledMethod[]): readonly string[] {
  const patterns = new Set(methods.map(({ role }) => role.pattern));
  for (const { role } of methods)
    if (role.shape === 'prepared') patterns.add(`${role.operation.action}/action`);
  const operations = new Map(methods.map(({ role }) => [role.operation.action, role.operation]));
  return [...operations.values()]
    .flatMap(expectedPatterns)
    .filter((pattern) => !patterns.has(pattern))
    .map((pattern) => `${pattern} has no handler`);
}

function expectedPatterns(operation: AnyOperation): readonly string[] {
  const { compensation, confirm } = operation;
  const undo = compensation === undefined ? [] : ['compensation'];
  const halves = ['action', ...(confirm === undefined ? [] : ['confirm']), ...undo];
  const parts = operation.effect === 'external' ? ['/call', '/record'] : [''];
  return halves.flatMap((half) => parts.map((part) => `${operation.action}/${half}${part}`));
}

function effectOf({ shape }: HandlerRole): 'local' | 'external' {
  return shape === 'call' || shape === 'record' ? 'external' : 'local';
}

function handlerOf(method: RoledMethod, methods: readonly RoledMethod[]): readonly Handler[] {
  switch (method.role.shape) {
    case 'one':
      return [localHandler(method, (commands, tx) => oneByOne(method, commands, tx))];
    case 'batch':
      return [localHandler(method, (commands, tx) => allAtOnce(method, commands, tx))];
    case 'prepared':
      return [preparedHandler(method)];
    case 'call':
      return [
        externalHandler(
          method,
          methods.find(({ role }) => isRecordOf(role, method.role)),
        ),
      ];
    case 'record':
      return [];
  }
}

function isRecordOf(role: HandlerRole, call: HandlerRole): boolean {
  return (
    role.shape === 'record' && role.half === call.half && role.operation.action === call.operation.action
  );
}

function localHandler({ role }: RoledMethod, handle: LocalHandler['handle']): LocalHandler {
  return { effect: 'local', operation: role.operation, half: role.half, handle };
}

function preparedHandler({ role, run }: RoledMethod): PreparedHandler {
  return {
    effect: 'prepared',
    operation: role.operation,
    half: 'prepare',
    work: async (command, tx) => replyOf(role, await run(command, tx)),
  };
}

function externalHandler({ role, run }: RoledMethod, record: RoledMethod | undefined): ExternalHandler {
  return {
    effect: 'external',
    operation: role.operation,
    half: role.half,
    call: async (command, context) => replyOf(role, await run(command, context)),
    record: async (settled: readonly Settled[], tx: Tx) => void (await record?.run(settled, tx)),
  };
}

/** In order and one after the other: they share one database connection. */
async function oneByOne(
  { role, run }: RoledMethod,
  commands: readonly HandledCommand[],
  tx: Tx,
): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (const command of commands) replies.push(replyOf(role, await run(command, tx)));
  return replies;
}

async function allAtOnce(
  { role, run }: RoledMethod,
  commands: readonly HandledCommand[],
  tx: Tx,
): Promise<readonly Reply[]> {
  const answered = await run(commands, tx);
  if (answered === undefined) return commands.map(() => replyOf(role, undefined));
  if (!Array.isArray(answered) || answered.length !== commands.length) {
    throw new TypeError(`${role.pattern} must answer each of its ${commands.length} commands`);
  }
  return answered.map((reply) => replyOf(role, reply));
}

/** An undo that says nothing has undone, and a confirm has confirmed; what does something always has an answer. */
function replyOf(role: HandlerRole, answer: unknown): Reply {
  if (answer === undefined && partOf(role.half) !== 'does') return succeeded(null);
  if (isReply(answer)) return answer;
  throw new TypeError(`${role.pattern} must answer with a reply`);
}

function isReply(answer: unknown): answer is Reply {
  if (typeof answer !== 'object' || answer === null || !('outcome' in answer)) return false;
  return ['succeeded', 'refused', 'failed', 'in-progress'].includes(String(answer.outcome));
}
