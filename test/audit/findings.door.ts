/**
 * Where tools and people beside the auditor ask what it has found: `GET /findings` on this machine alone. Ids, amounts and
 * states, never personal data; it takes no wishes.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Standing } from './auditor.js';
import type { Broken } from './standing.js';

export interface FindingsDoor {
  readonly url: string;
  close(): Promise<void>;
}

/** What `GET /findings` answers; 503 before the first round. `transaction`: where the operators' API tells the story of the row. */
export interface FindingsAnswer {
  /** False while the stack cannot be read: then the findings are those of the last whole round. */
  readonly current: boolean;
  readonly why: string | null;
  readonly at: string;
  readonly rounds: number;
  readonly checks: number;
  readonly suspected: number;
  readonly findings: readonly {
    readonly id: string;
    readonly title: string;
    readonly row: Broken['violation'];
    readonly secondsOld: number;
    readonly transaction: string | null;
  }[];
}

/** Opens the door; 0 takes a free port. Rejects when the port is taken. */
export async function openFindingsDoor(
  port: number,
  standing: () => Standing | undefined,
): Promise<FindingsDoor> {
  const server = createServer((request, response) => {
    const isAsked = request.method === 'GET' && request.url === '/findings';
    const now = standing();
    const status = isAsked ? (now === undefined ? 503 : 200) : 404;
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(`${JSON.stringify(isAsked && now !== undefined ? answerOf(now) : { status })}\n`);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : port}/findings`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function answerOf({ at, rounds, checks, suspected, findings, away }: Standing): FindingsAnswer {
  const now = performance.now();
  return {
    current: away === undefined,
    why: away ?? null,
    at: new Date(at).toISOString(),
    rounds,
    checks,
    suspected,
    findings: findings.map(({ check: { id, title }, violation, since }) => ({
      id,
      title,
      row: violation,
      secondsOld: Math.round((now - since) / 1_000),
      transaction: transactionOf(violation),
    })),
  };
}

function transactionOf({ transactionId, orderId }: Broken['violation']): string | null {
  const id = transactionId ?? orderId;
  return typeof id === 'string' ? `/transactions/${id}` : null;
}
