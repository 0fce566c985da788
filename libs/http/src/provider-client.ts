/**
 * Calls to a provider outside the house: a card network, a carrier. It stands at the end of an external step, after the
 * intent is committed (R7). It tells answers (2xx, 4xx) from silence (faults) and believes only bounded JSON.
 * It never retries by itself, never follows a redirect, and puts no body, key or token into an error.
 */
import { Fault } from '@sagamore/resilience';
import { Pool, type Dispatcher } from 'undici';
import { readJson } from './json-body.js';

export interface ProviderClientOptions {
  /** Scheme, host and port, perhaps a path that is put before every call's. */
  readonly baseUrl: string;
  /** From the call to the last byte of its answer, ms. */
  readonly timeoutMs: number;
  /** Sent with every call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sockets kept to the provider. Default 50. */
  readonly connectionsMax?: number;
  /** Larger answers are not believed. Default 1 MB. */
  readonly answerBytesMax?: number;
  /** The longest `Retry-After` that is obeyed, ms: an absurd one must not stop us for a day (S82). Default 60 000. */
  readonly retryAfterMaxMs?: number;
}

export interface CallOptions {
  /** The same key makes a repeated call safe; sent as `Idempotency-Key`. */
  readonly idempotencyKey: string;
  /** Sent with this call, besides those of every call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the call early: with the signal's reason when that is a `Fault`, otherwise with `STOPPED`. */
  readonly signal?: AbortSignal;
}

export interface ProviderAnswer {
  /** 2xx or 4xx. */
  readonly status: number;
  /** Parsed JSON, not yet checked; `undefined` when there was none (202, 204, or a bare 4xx). */
  readonly body: unknown;
}

interface ProviderRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

const busyStatuses = new Set([408, 425, 429]);

/** A keep-alive connection pool to one provider. Lives until `stop()`. */
export class ProviderClient {
  private readonly pool: Pool;
  private readonly pathPrefix: string;

  constructor(private readonly options: ProviderClientOptions) {
    const { origin, pathname } = new URL(options.baseUrl);
    this.pool = new Pool(origin, { connections: options.connectionsMax ?? 50 });
    this.pathPrefix = pathname.replace(/\/+$/, '');
  }

  /** Posts `body` as JSON and gives the provider's answer, be it yes (2xx) or no (4xx). Throws a `Fault`, all retryable
   *  with the same key: `PROVIDER_UNAVAILABLE` for 5xx, 408, 425, 429 (with `retryAfterMs`), a lost connection or a
   *  time-out; `PROVIDER_REJECTED` for what cannot be believed: a redirect, no JSON, too large (B75). */
  async post(path: string, body: unknown, call: CallOptions): Promise<ProviderAnswer> {
    const key = { 'content-type': 'application/json', 'idempotency-key': call.idempotencyKey };
    const headers = { ...call.headers, ...key };
    return this.request({ method: 'POST', path, headers, body: JSON.stringify(body) }, call.signal);
  }

  /** Asks what the provider knows, for probes. Answers and faults are those of `post`. */
  async get(path: string, call: Omit<CallOptions, 'idempotencyKey'> = {}): Promise<ProviderAnswer> {
    return this.request({ method: 'GET', path, headers: { ...call.headers } }, call.signal);
  }

  /** Lets calls under way end, then closes the sockets. Idempotent. */
  async stop(): Promise<void> {
    if (!this.pool.closed) await this.pool.close();
  }

  private async request(
    request: ProviderRequest,
    callSignal: AbortSignal | undefined,
  ): Promise<ProviderAnswer> {
    const timeout = AbortSignal.timeout(this.options.timeoutMs);
    const signal = callSignal === undefined ? timeout : AbortSignal.any([timeout, callSignal]);
    const path = `${this.pathPrefix}${request.path}`;
    const headers = { ...this.options.headers, accept: 'application/json', ...request.headers };
    try {
      return await this.believe(await this.pool.request({ ...request, path, headers, signal }), request.path);
    } catch (error) {
      throw this.toFault(error, { path: request.path, callSignal, timedOut: timeout.aborted });
    }
  }

  private async believe(response: Dispatcher.ResponseData, path: string): Promise<ProviderAnswer> {
    const { statusCode: status, headers } = response;
    if (status >= 500 || busyStatuses.has(status)) {
      await discard(response);
      throw this.unavailable(
        `an answer was wanted of ${path}, found status ${status}`,
        headers['retry-after'],
      );
    }
    if (status >= 300 && status < 400) {
      await discard(response);
      throw new Fault('PROVIDER_REJECTED', `no redirect was wanted of ${path}, found status ${status}`, {
        retryable: true,
      });
    }
    return {
      status,
      body: await readJson(response, { path, bytesMax: this.options.answerBytesMax ?? 1_048_576 }),
    };
  }

  private unavailable(message: string, retryAfter: string | string[] | undefined): Fault {
    const waitMs = retryAfterMs(retryAfter, Date.now());
    if (waitMs === undefined) return new Fault('PROVIDER_UNAVAILABLE', message, { retryable: true });
    const capped = Math.min(waitMs, this.options.retryAfterMaxMs ?? 60_000);
    return new Fault('PROVIDER_UNAVAILABLE', message, { retryable: true, retryAfterMs: capped });
  }

  private toFault(
    cause: unknown,
    { path, callSignal, timedOut }: { path: string; callSignal: AbortSignal | undefined; timedOut: boolean },
  ): Fault {
    if (cause instanceof Fault) return cause;
    if (timedOut) {
      const { timeoutMs } = this.options;
      const message = `an answer of ${path} was wanted within ${timeoutMs} ms, found none`;
      return new Fault('PROVIDER_UNAVAILABLE', message, { retryable: true });
    }
    if (callSignal?.aborted === true) {
      if (callSignal.reason instanceof Fault) return callSignal.reason;
      return new Fault('STOPPED', `the call to ${path} was called off`, { retryable: true });
    }
    return new Fault('PROVIDER_UNAVAILABLE', `a connection for ${path} was wanted, found none`, {
      retryable: true,
      cause,
    });
  }
}

/** Reads a `Retry-After` of either form (RFC 9110 §10.2.3): seconds, or a date. `undefined` when it is neither. */
export function retryAfterMs(header: string | string[] | undefined, nowMs: number): number | undefined {
  if (typeof header !== 'string' || header === '') return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** Frees the socket without reading more than a little: undici closes it where the rest is long. */
async function discard({ body }: Dispatcher.ResponseData): Promise<void> {
  await body.dump({ limit: 65_536 });
}
