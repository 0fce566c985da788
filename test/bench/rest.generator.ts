/**
 * The load generator of the REST entry, in a process of its own: keep-alive connections, one a client, and bodies that
 * were written before the first request. It reads of an answer only what proves the order's end.
 */
import { Pool } from 'undici';
import { serve } from './ipc.js';
import { Load, orderVariants, type LoadPlan } from './load.js';

interface RestPlan extends LoadPlan {
  readonly url: string;
}

const waitSeconds = 30;
/** An open loop has no clients; so many connections are enough for a second of its orders at a low rate. */
const openLoopConnections = 256;

let pool: Pool | undefined;
let load: Load<string> | undefined;

function start(plan: RestPlan): void {
  const connections = plan.rate === undefined ? plan.clients : openLoopConnections;
  const opened = new Pool(plan.url, { connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  pool = opened;
  load = new Load(
    plan,
    orderVariants(plan, (body) => JSON.stringify(body)),
    (body, key) => place(opened, body, key),
  );
  load.start();
}

async function place(to: Pool, body: string, key: string): Promise<string> {
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': key,
    prefer: `wait=${waitSeconds}`,
  };
  const answer = await to.request({ path: '/orders', method: 'POST', headers, body });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) return `status ${answer.statusCode}: ${text.slice(0, 200)}`;
  return /"status":"([A-Z]+)"/.exec(text)?.[1] ?? 'an answer without a status';
}

function started(): Load<string> {
  if (load === undefined) throw new Error('the load was not started');
  return load;
}

serve(
  {
    start,
    mark: () => started().mark(),
    async finish() {
      const result = await started().finish();
      await pool?.close();
      return result;
    },
  },
  () => process.exit(1),
);
