/**
 * A client as customers have them: places orders over REST, repeats what was not answered with the same key, reads each
 * order until it has ended, and writes down every answer it got. It knows nothing of what lies behind the API.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClientLine } from '../audit/outside.js';
import type { PlannedOrder } from './fates.js';

export interface ClientPlace {
  /** Asked anew for each request: a stack that was started again may have another. */
  readonly orderUrl: () => string;
  readonly orchestratorUrl: () => string;
  readonly simulatorsUrl: () => string;
}

export interface ClientOptions {
  readonly place: ClientPlace;
  /** JSON lines are appended, in the order in which the answers came. */
  readonly log: string;
  /** Orders under way at one time. Default 24. */
  readonly atOnce?: number;
  /** How long one order may take from its first request to its end. Default 180 s, for a breaker
   *  that opened alone keeps it waiting for 60. */
  readonly patienceMs?: number;
  /** Told with the number of acknowledged orders. */
  readonly onAcknowledged?: (orders: number) => void;
  /** Told whenever an order has come to its end, or was found to wait for a person. */
  readonly onEnded?: () => void;
}

/** How one order ended for its customer. */
export interface OrderResult {
  readonly planned: PlannedOrder;
  readonly orderId: string;
  readonly status: 'CONFIRMED' | 'REJECTED' | 'PARKED';
  /** Of a rejection. */
  readonly reason?: string;
}

interface Answer {
  /** 0: none came. */
  readonly http: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const none: Answer = { http: 0, body: {} };
const requestMsMax = 15_000;
/** After so long without an end, the client looks whether the order waits for a person. */
const suspiciousMs = 2_000;

export class OrdersClient {
  private acknowledged = 0;

  constructor(private readonly options: ClientOptions) {}

  /** Places all orders, `atOnce` at a time, and follows each to its end or its parking. Rejects when one is refused, or
   *  takes longer than the client's patience. */
  async run(planned: readonly PlannedOrder[]): Promise<readonly OrderResult[]> {
    const results: OrderResult[] = [];
    const queue = planned.values();
    const worker = async (): Promise<void> => {
      for (const order of queue) results.push(await this.buy(order));
    };
    await Promise.all(Array.from({ length: this.options.atOnce ?? 24 }, worker));
    return results;
  }

  /** What an operator does about the orders that were to wait for a person: heals the outside world, resumes them, and
   *  follows them to their end. One that parked and should not have stays as it is. */
  async rescue(results: readonly OrderResult[]): Promise<readonly OrderResult[]> {
    await this.send(`${this.options.place.simulatorsUrl()}/card-network/admin/heal`, {
      method: 'POST',
      body: {},
    });
    const ends: OrderResult[] = [];
    for (const result of results) {
      const wantsHelp = result.status === 'PARKED' && result.planned.fate.parks === true;
      ends.push(wantsHelp ? await this.resume(result) : result);
    }
    return ends;
  }

  /** Reads every order once more, long after its end. */
  async readAgain(results: readonly OrderResult[]): Promise<void> {
    for (const { orderId } of results) await this.read(orderId);
  }

  private async resume({ planned, orderId }: OrderResult): Promise<OrderResult> {
    const url = `${this.options.place.orchestratorUrl()}/transactions/${orderId}/resume`;
    const { http } = await this.send(url, {
      method: 'POST',
      body: { reason: 'the outside world works again' },
    });
    // 409: it went on by itself meanwhile.
    if (http !== 202 && http !== 409) throw new Error(`resuming ${orderId} was answered with ${http}`);
    return this.follow(planned, orderId, this.deadline());
  }

  private async buy(planned: PlannedOrder): Promise<OrderResult> {
    const deadline = this.deadline();
    const first = this.placePatiently(planned, deadline);
    const [orderId, other] = await Promise.all([
      first,
      planned.manner === 'twice-at-once' ? this.placePatiently(planned, deadline) : first,
    ]);
    if (other !== orderId) throw new Error(`one key was answered with ${orderId} and ${other}`);
    this.options.onAcknowledged?.(++this.acknowledged);
    if (planned.manner === 'other-body-again') await this.placeOther(planned);
    const result = await this.follow(planned, orderId, deadline);
    this.options.onEnded?.();
    if (planned.manner === 'again') await this.placePatiently(planned, this.deadline());
    return result;
  }

  /** The same request with the same key until somebody answers. */
  private async placePatiently(planned: PlannedOrder, deadline: number): Promise<string> {
    for (let waitMs = 100; ; waitMs = Math.min(2 * waitMs, 1_000)) {
      const { http, body } = await this.place(planned);
      if (http === 202 || http === 200) return textOf(body['orderId']);
      const isLost = http === 0 || http === 503;
      if (!isLost || performance.now() > deadline) {
        throw new Error(`order ${planned.idempotencyKey} was answered with ${http} ${textOf(body['code'])}`);
      }
      await pause(waitMs);
    }
  }

  private async place({ idempotencyKey, body }: PlannedOrder): Promise<Answer> {
    const answer = await this.send(`${this.options.place.orderUrl()}/orders`, {
      method: 'POST',
      body,
      idempotencyKey,
    });
    const orderId = answer.body['orderId'];
    this.note({
      type: 'answer',
      customerId: body.customerId,
      idempotencyKey,
      http: answer.http,
      ...(typeof orderId === 'string' && { orderId }),
    });
    // I32: whoever holds a 2xx finds the order at once.
    if (answer.http >= 200 && answer.http < 300) await this.read(textOf(orderId));
    return answer;
  }

  /** Another wish under the same key is refused and changes nothing; it is no answer to the first wish, so it is not
   *  noted as one. */
  private async placeOther({ idempotencyKey, body }: PlannedOrder): Promise<void> {
    const other = { ...body, lines: [{ sku: 'HAND-GRINDER', quantity: 7 }] };
    const { http } = await this.send(`${this.options.place.orderUrl()}/orders`, {
      method: 'POST',
      body: other,
      idempotencyKey,
    });
    if (http !== 422 && http !== 0 && http !== 503)
      throw new Error(`another body under the key ${idempotencyKey} was answered with ${http}`);
  }

  private async follow(planned: PlannedOrder, orderId: string, deadline: number): Promise<OrderResult> {
    const startedAt = performance.now();
    for (let waitMs = 50; ; waitMs = Math.min(waitMs * 1.5, 500)) {
      const { body } = await this.read(orderId);
      const { status } = body;
      if (status === 'CONFIRMED') return { planned, orderId, status };
      if (status === 'REJECTED') return { planned, orderId, status, reason: codeOf(body['reason']) };
      if (performance.now() > startedAt + suspiciousMs && (await this.isParked(orderId)))
        return { planned, orderId, status: 'PARKED' };
      if (performance.now() > deadline)
        throw new Error(`order ${orderId} (${planned.fate.name}) is still ${textOf(status)}`);
      await pause(waitMs);
    }
  }

  private async isParked(orderId: string): Promise<boolean> {
    const { body } = await this.send(`${this.options.place.orchestratorUrl()}/transactions/${orderId}`);
    return body['status'] === 'parked';
  }

  private async read(orderId: string): Promise<Answer> {
    const answer = await this.send(`${this.options.place.orderUrl()}/orders/${orderId}`);
    const { status } = answer.body;
    this.note({
      type: 'read',
      orderId,
      http: answer.http,
      ...(answer.http === 200 && typeof status === 'string' && { status }),
    });
    return answer;
  }

  private deadline(): number {
    return performance.now() + (this.options.patienceMs ?? 180_000);
  }

  /** Synchronous, so that the lines stand in the order in which the answers came. */
  private note(line: ClientLine): void {
    appendFileSync(this.options.log, `${JSON.stringify(line)}\n`);
  }

  private async send(
    url: string,
    {
      method = 'GET',
      body,
      idempotencyKey,
    }: { readonly method?: string; readonly body?: unknown; readonly idempotencyKey?: string } = {},
  ): Promise<Answer> {
    try {
      const response = await fetch(url, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(requestMsMax),
      });
      const read: unknown = await response.json();
      return { http: response.status, body: isRecord(read) ? read : {} };
    } catch {
      return none;
    }
  }
}

/** The orders that did not end as they were asked for, in words. */
export function surprises(results: readonly OrderResult[]): readonly string[] {
  return results
    .filter(({ planned: { fate }, status, reason }) => {
      if (status === 'PARKED' || !fate.ends.includes(status)) return true;
      return status === 'REJECTED' && reason !== fate.reason;
    })
    .map(
      ({ planned: { fate }, orderId, status, reason = '' }) => `${fate.name}: ${orderId} ${status} ${reason}`,
    );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function codeOf(reason: unknown): string {
  return isRecord(reason) ? textOf(reason['code']) : '';
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
