/**
 * How the command line asks a process: over REST alone, like anybody else. What it answers is believed only as far as it is
 * shown; a problem is told in one line with its code.
 */
import { Option, type Command } from 'commander';
import { complaint } from './complaint.js';

/** Where it is, and how one shows who one is. */
export interface Door {
  readonly url: string;
  readonly token?: string;
}

/** Who is asked, in the words of a complaint. */
export interface Whom {
  readonly name: string;
  /** What to do where nobody knows whether a word was heard. */
  readonly lookAgain: string;
}

/** What every command that asks a process is given. */
export interface DoorFlags extends Door {
  readonly json?: boolean;
}

/** Adds the flags to a command. `whom`: who serves there, and where as a rule. */
export function withDoor(command: Command, whom: { readonly name: string; readonly url: string }): Command {
  return command
    .option('--url <url>', `where the ${whom.name} serves`, whom.url)
    .addOption(new Option('--token <token>', "the operator's token").env('OPERATOR_TOKEN'))
    .option('--json', 'the answer as JSON, for machines');
}

const patienceMs = 30_000;

/** Throws a `Complaint` for a door that is no address, for what does not answer, and for every problem that it is answered. */
export class Rest {
  constructor(
    private readonly door: Door,
    private readonly whom: Whom,
  ) {
    if (!URL.canParse(door.url) || !/^https?:/.test(door.url))
      throw complaint(`"${door.url}" is no address`, 'Give one like http://127.0.0.1:3001 with --url');
  }

  async ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await this.send(method, path, body);
    if (!response.ok) throw await problemOf(response, this.whom.name);
    try {
      // The API is ours and versioned with this client; its shape is checked where it is made.
      return (await response.json()) as Answer;
    } catch {
      throw complaint(
        `What answers at ${this.door.url} is no ${this.whom.name}`,
        'Say where it is with --url',
      );
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
          : this.whom.lookAgain;
      throw complaint(`No ${this.whom.name} answers at ${url}`, next);
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

async function problemOf(response: Response, name: string): Promise<Error> {
  const { code, title, detail, current, errors = [] } = await bodyOf(response);
  const stands = current?.status === undefined ? '' : `; it stands as ${current.status}`;
  const next =
    response.status === 401
      ? "Show the operator's token with --token, or set OPERATOR_TOKEN"
      : 'docs/reference/errors.md tells what to do';
  const places = errors.map(({ pointer, detail: wanted }) => `${pointer} ${wanted}`);
  const said = [detail ?? title ?? 'no reason is given', ...places].join(', ');
  return complaint(`The ${name} says ${code ?? response.status}: ${said}${stands}`, next);
}

/** Whatever else answers there may not speak JSON. */
async function bodyOf(response: Response): Promise<Problem> {
  try {
    return (await response.json()) as Problem;
  } catch {
    return {};
  }
}
