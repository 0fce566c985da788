/**
 * How the bench talks to the processes it starts: calls and answers over Node's own channel between parent and child.
 * One child serves named methods; the parent holds a `Remote` of it. It knows nothing of what is measured.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { nodeFlags } from '../../deploy/local/node-flags.mjs';

interface Call {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

export type Methods = Readonly<Record<string, (argument: never) => unknown>>;

/** Answers the parent's calls from now on. When the parent is gone, `onOrphaned` runs. */
export function serve(methods: Methods, onOrphaned: () => void): void {
  process.on('message', (message: unknown) => {
    if (isCall(message)) void answer(methods, message).then((reply) => process.send?.(reply));
  });
  process.once('disconnect', onOrphaned);
}

async function answer(methods: Methods, { id, method, argument }: Call): Promise<Answer> {
  try {
    const found = methods[method];
    if (found === undefined) throw new Error(`no method is named ${method}`);
    // The parent and its children are of one build, so an argument is what its method declares.
    return { id, result: await found(argument as never) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

export interface RemoteOptions {
  readonly name: string;
  /** The TypeScript entry file, from the repository's root. */
  readonly entry: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where what it says goes. */
  readonly logFile: string;
}

/** A child process that serves methods. It ends with its parent. */
export class Remote {
  readonly pid: number;
  readonly name: string;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly gone: Promise<void>;
  private hasGone = false;
  private lastId = 0;

  constructor({ name, entry, args = [], env = {}, logFile }: RemoteOptions) {
    this.name = name;
    this.child = spawn(process.execPath, [...nodeFlags, entry, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.pid = this.child.pid ?? 0;
    const log = createWriteStream(logFile, { flags: 'a' });
    this.child.stdout?.pipe(log);
    this.child.stderr?.pipe(log);
    this.child.on('message', (message: unknown) => this.receive(message));
    this.gone = new Promise((resolve) => this.child.once('exit', () => resolve()));
    void this.gone.then(() => this.fail(`${name} has ended; see ${logFile}`));
  }

  /** Rejects with what the child threw, or when the child ends first. `Result` is what the method declares. */
  call<Result = void>(method: string, argument?: unknown): Promise<Result> {
    if (this.hasGone) return Promise.reject(new Error(`${this.name} has ended`));
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ({ error, result }) => {
        if (error === undefined) resolve(result as Result);
        else reject(new Error(`${this.name} ${method}: ${error}`));
      });
      this.child.send({ id, method, argument } satisfies Call);
    });
  }

  /** SIGTERM, so that it drains; SIGKILL after 20 s. Resolves once it has ended. */
  async end(): Promise<void> {
    if (this.hasGone) return;
    this.child.kill('SIGTERM');
    const giveUp = setTimeout(() => this.child.kill('SIGKILL'), 20_000);
    await this.gone;
    clearTimeout(giveUp);
  }

  private receive(message: unknown): void {
    if (!isAnswer(message)) return;
    const settle = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    settle?.(message);
  }

  private fail(error: string): void {
    this.hasGone = true;
    for (const [id, settle] of this.waiting) settle({ id, error });
    this.waiting.clear();
  }
}

function isCall(message: unknown): message is Call {
  return isObject(message) && typeof message['id'] === 'number' && typeof message['method'] === 'string';
}

function isAnswer(message: unknown): message is Answer {
  return isObject(message) && typeof message['id'] === 'number' && !('method' in message);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
