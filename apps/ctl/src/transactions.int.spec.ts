/**
 * Goal: an operator sees what runs, and helps it on, from a terminal. Method: the real orchestrator over real HTTP and a real
 * Postgres, the bus in memory; its only participant refuses to undo until it is repaired, so that a transaction parks.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { refused, saga, sagaProtocol, succeeded, type Reply } from '@sagamore/engine';
import { MemoryBus } from '@sagamore/memory';
import { OrchestratorModule } from '@sagamore/orchestrator';
import { bootstrap, readConfig, type RunningApp } from '@sagamore/platform';
import {
  operation,
  replyMessage,
  SystemClock,
  type CommandData,
  type DeclaredProtocol,
  type Message,
} from '@sagamore/runtime';
import { z } from 'zod';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { run } from './program.js';

const serverMsMax = 60_000;
const token = 'a-token-of-an-operator';
const clock = new SystemClock();
const shape = { input: z.object({}), output: z.unknown() };
const hold = operation('seats.hold', { ...shape, undo: 'free' });
const issue = operation('seats.issue', shape);
const trip = saga<object>('trip', { version: 1 })
  .step('hold', hold, () => ({}))
  .step('issue', issue, () => ({}), { nothingToUndo: true })
  .define();

let server: TestPostgres;
let running: RunningApp;
let isRepaired = false;

beforeAll(async () => {
  server = await testPostgres();
  const DATABASE_URL_ORCHESTRATOR = await server.freshDatabase();
  const config = readConfig({
    DATABASE_URL_ORCHESTRATOR,
    LOG_LEVEL: 'silent',
    PORT: '0',
    SHARDS: '1',
    OPERATOR_TOKEN: token,
  });
  const bus = new MemoryBus({ clock });
  const declared: DeclaredProtocol = { ...sagaProtocol(trip), schemas: { input: z.object({}) } };
  const module = (host: Parameters<typeof OrchestratorModule.forRoot>[0]) =>
    OrchestratorModule.forRoot(host, [declared]);
  running = await bootstrap({ service: 'orchestrator', module, config, bus });
  await bus.subscribe({
    topic: 'seats.commands',
    group: 'seats',
    handle: async (batch) => {
      const commands = batch.map(({ message }) => message as Message<CommandData>);
      await bus.send(commands.map((each) => replyMessage(each, answerTo(each), { source: 'seats', at: 1 })));
    },
  });
}, serverMsMax);

afterAll(async () => {
  await running?.stop();
  await server?.stop();
}, serverMsMax);

function answerTo({ type }: Message<CommandData>): Reply {
  if (type === 'seats.issue') return refused('sold-out');
  return type === 'seats.free' && !isRepaired ? refused('not-now') : succeeded({});
}

async function sagamore(...args: readonly string[]) {
  let out = '';
  let err = '';
  const code = await run(['transactions', ...args, '--url', running.url], {
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
    isColoured: false,
  });
  return { code, out, err };
}

const operate = (...args: readonly string[]) => sagamore(...args, '--token', token);

async function start(key: string): Promise<string> {
  const response = await fetch(`${running.url}/transactions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key, authorization: `Bearer ${token}` },
    body: JSON.stringify({ definition: 'trip', input: {} }),
  });
  const body = (await response.json()) as { readonly transactionId: string };
  return body.transactionId;
}

async function reaches(id: string, status: string): Promise<void> {
  const deadline = clock.now() + 15_000;
  while (!(await operate('show', id)).out.includes(`\n${status}`)) {
    if (clock.now() > deadline) throw new Error(`${id} did not become ${status}`);
    await new Promise<void>((resolve) => void clock.after(20, resolve));
  }
}

describe('sagamore transactions', () => {
  test('S94: what is parked is listed with its reason, shown step by step, and resumed', async () => {
    const id = await start('one');
    await reaches(id, 'parked');
    const listed = await operate('list', '--status', 'parked');
    expect(listed.code).toBe(0);
    expect(listed.out).toMatch(/^transaction +definition +status +since +why\n/);
    expect(listed.out).toMatch(new RegExp(`^${id}  trip 1 +parked  \\S+  undo-.* at hold$`, 'm'));
    const shown = await operate('show', id);
    expect(shown.out).toMatch(/^step +half +outcome +attempts +at$/m);
    expect(shown.out).toMatch(/^issue +action +refused +1 /m);
    expect(shown.out).toMatch(/^hold +compensation +refused /m);

    isRepaired = true;
    const resumed = await operate('resume', id, '--reason', 'the desk is open again');
    expect(resumed).toMatchObject({ code: 0, err: '' });
    expect(resumed.out).toContain('✔ resume is saved');
    await reaches(id, 'compensated');
    expect((await operate('list', '--status', 'parked')).out).toBe('No transaction is like that.\n');
  }, 30_000);

  test('S31: what has ended is not cancelled, and the answer says where it stands', async () => {
    const id = await start('two');
    await reaches(id, 'compensated');
    const { code, out, err } = await operate('cancel', id, '--reason', 'second thoughts');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('it stands as compensated');
  }, 30_000);

  test('a list for machines is the answer of the API, page by page', async () => {
    const { code, out } = await operate('list', '--limit', '1', '--json');
    expect(code).toBe(0);
    const page = JSON.parse(out) as { readonly items: readonly object[]; readonly nextCursor: string | null };
    expect(page.items).toHaveLength(1);
    expect(page.nextCursor).not.toBeNull();
    expect((await operate('list', '--limit', '1')).out).toContain(`more: --cursor ${page.nextCursor}`);
  });

  test('R29: without the token nothing is shown, and the sentence says how to show it', async () => {
    const { code, out, err } = await sagamore('list');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain("Show the operator's token with --token, or set OPERATOR_TOKEN");
  });

  test('what the API does not take is told with its place', async () => {
    const { code, err } = await operate('list', '--status', 'bored');
    expect(code).toBe(2);
    expect(err).toContain('/status');
    expect((await operate('show', 'nobody')).err).toMatch(/The orchestrator says [A-Z_]+: /);
    expect((await operate('resume', 'nobody')).err).toContain(
      "required option '--reason <text>' not specified",
    );
  });
});
