/**
 * Goal: an operator sees from a terminal what is read, pauses a topic, and resumes it. Method: a real service process over real
 * HTTP and a real Postgres, the bus in memory, and the command line as its user has it.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MemoryBus } from '@sagamore/memory';
import { bootstrap, readConfig, SagamoreModule, type Host, type RunningApp } from '@sagamore/platform';
import { SystemClock } from '@sagamore/runtime';
import { testPostgres, type TestPostgres } from '../../../test/support/postgres.js';
import { run } from './program.js';

const serverMsMax = 60_000;
const token = 'a-token-of-an-operator';
const horizon = ['orchestrator.horizon', 'stock.horizon'];

class StockModule {}

let server: TestPostgres;
let running: RunningApp;

beforeAll(async () => {
  server = await testPostgres();
  const config = readConfig({
    DATABASE_URL_STOCK: await server.freshDatabase(),
    LOG_LEVEL: 'silent',
    PORT: '0',
    OPERATOR_TOKEN: token,
    OPERATOR_NAME: 'ada',
  });
  const module = (host: Host) => ({
    module: StockModule,
    imports: [SagamoreModule.forService({ host, service: 'stock' })],
  });
  const bus = new MemoryBus({ clock: new SystemClock() });
  running = await bootstrap({ service: 'stock', module, config, bus });
}, serverMsMax);

afterAll(async () => {
  await running?.stop();
  await server?.stop();
}, serverMsMax);

async function operate(...args: readonly string[]) {
  let out = '';
  let err = '';
  const code = await run(['consumers', ...args, '--url', running.url, '--token', token], {
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
    isColoured: false,
  });
  return { code, out, err };
}

test('what is read is listed, paused with a reason, and resumed', async () => {
  const listed = await operate('list');
  expect(listed).toMatchObject({ code: 0, err: '' });
  expect(listed.out).toMatch(/^service +topic +group +status +lag +since +by +why\n/);
  expect(listed.out).toMatch(/^stock +orchestrator\.horizon +stock\.horizon +running +0$/m);

  const paused = await operate('pause', ...horizon, '--reason', 'the disk is full');
  expect(paused.code).toBe(0);
  expect(paused.out).toMatch(
    /^✔ orchestrator\.horizon is paused for stock\.horizon since \S+ by ada: the disk is full;/,
  );
  expect((await operate('list')).out).toMatch(/stock\.horizon +paused +0 +\S+ +ada +the disk is full$/m);

  const resumed = await operate('resume', ...horizon, '--reason', 'there is a larger one');
  expect(resumed.code).toBe(0);
  expect(resumed.out).toMatch(/^✔ orchestrator\.horizon is running for stock\.horizon;/);
  expect((await operate('list', '--json')).out).toContain('"status": "running"');
});

test('what nobody reads is told in one line with its code, and a reason is wanted', async () => {
  const unknown = await operate('pause', 'orchestrator.horizon', 'nobody', '--reason', 'why not');
  expect({ code: unknown.code, out: unknown.out }).toEqual({ code: 2, out: '' });
  expect(unknown.err).toContain('The service says CONSUMER_UNKNOWN');
  expect((await operate('pause', ...horizon)).err).toContain("required option '--reason <text>'");
});
