/**
 * The orchestrator's operators' API, as the command line asks it: over REST alone, like anybody else. What it answers is
 * believed only as far as it is shown; a problem is told in one line with its code.
 */
import { complaint } from './complaint.js';

/** Where a transaction stands, as lists show it. */
export interface Summary {
  readonly transactionId: string;
  readonly definition: string;
  readonly version: number;
  readonly status: string;
  readonly reason: Readonly<Record<string, unknown>> | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** A transaction with its timeline. */
export interface Shown extends Summary {
  readonly journalVersion: number;
  readonly steps: readonly {
    readonly name: string;
    readonly operation: string;
    readonly outcome: string;
    readonly attempts: number;
    readonly at: string;
  }[];
}

export interface Page {
  readonly items: readonly Summary[];
  readonly nextCursor: string | null;
}

/** Where it is, and how one shows who one is. */
export interface Door {
  readonly url: string;
  readonly token?: string;
}

const patienceMs = 30_000;

export class OrchestratorClient {
  constructor(private readonly door: Door) {}

  list(filter: Readonly<Record<string, string>>): Promise<Page> {
    return this.ask<Page>('GET', `/transactions?${new URLSearchParams(filter).toString()}`);
  }

  show(id: string): Promise<Shown> {
    return this.ask<Shown>('GET', `/transactions/${encodeURIComponent(id)}`);
  }

  /** Saved once it resolves; what comes of it the transaction shows. */
  async wish(id: string, what: 'resume' | 'cancel', reason: string): Promise<void> {
    await this.ask('POST', `/transactions/${encodeURIComponent(id)}/${what}`, { reason });
  }

  private async ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await this.send(method, path, body);
    if (!response.ok) throw await problemOf(response);
    try {
      // The API is ours and versioned with this client; its shape is checked where it is made.
      return (await response.json()) as Answer;
    } catch {
      throw complaint(`What answers at ${this.door.url} is no orchestrator`, 'Say where it is with --url');
    }
  }

  private async send(method: string, path: string, body: unknown): Promise<Response> {
    const { url, token } = this.door;
    const headers = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    try {
      // A door may stand behind a path of its own, which an absolute one would drop.
      return await fetch(`${url.replace(/\/$/, '')}${path}`, {
        method,
        headers,
        ...sent,
        signal: AbortSignal.timeout(patienceMs),
      });
    } catch {
      const next =
        method === 'GET'
          ? 'Say where it is with --url; after npm start it is http://127.0.0.1:3000'
          : 'If it is there, it may have heard: look with sagamore transactions show';
      throw complaint(`No orchestrator answers at ${url}`, next);
    }
  }
}

/** Problem details, as far as they are told on; anything may stand there. */
interface Problem {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly current?: { readonly status?: string };
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

async function problemOf(response: Response): Promise<Error> {
  const { code, title, detail, current, errors = [] } = await bodyOf(response);
  const stands = current?.status === undefined ? '' : `; it stands as ${current.status}`;
  const next =
    response.status === 401
      ? "Show the operator's token with --token, or set OPERATOR_TOKEN"
      : 'docs/reference/errors.md tells what to do';
  const places = errors.map(({ pointer, detail: wanted }) => `${pointer} ${wanted}`);
  const said = [detail ?? title ?? 'no reason is given', ...places].join(', ');
  return complaint(`The orchestrator says ${code ?? response.status}: ${said}${stands}`, next);
}

/** Whatever else answers there may not speak JSON. */
async function bodyOf(response: Response): Promise<Problem> {
  try {
    return (await response.json()) as Problem;
  } catch {
    return {};
  }
}
