/**
 * The load: clients that each place an order, wait for its end and place the next, or an open loop at a fixed rate.
 * Runs in the generator's process for REST and inside the order process for the service. It must stay light, and it
 * never takes an end for granted: every order has a fate, and any other end is counted as wrong.
 */
import { randomUUID } from 'node:crypto';
import type { OrderProtocol } from '@sagamore/contracts';

/** How many at a time, or how many a second. */
export interface Pace {
  /** Of a closed loop; ignored in an open one. */
  readonly clients: number;
  /** Orders a second of an open loop. */
  readonly rate?: number;
}

/** What is asked of a load. Crosses a process border, so plain data alone. */
export interface LoadPlan extends Pace {
  readonly skus: readonly string[];
  readonly protocol: OrderProtocol;
}

/** The body of an order, as the REST API takes it. */
export type OrderBody = ReturnType<typeof bodyOf> & { readonly protocol?: OrderProtocol };

/** Where a load stands at one moment. */
export interface Mark {
  readonly completed: number;
  /** Of the load's own monotonic clock, ms. */
  readonly atMs: number;
}

export interface LoadResult {
  /** Between the first mark and the last, ms; of an open loop from the moment an order was due. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number };
  /** All orders placed, warm-up included. */
  readonly placed: number;
  /** Orders that ended otherwise than their fate says, or not at all. */
  readonly wrong: number;
  /** Orders that ended in the other way that is right too. */
  readonly otherwise: number;
  readonly samples: readonly string[];
}

/** One thing to ask for, and how it must end. */
export interface Variant<Request> {
  readonly fate: string;
  /** Another end that is right too, and is counted. */
  readonly otherwise?: string;
  readonly request: Request;
}

/** Places one order and answers how it ended. */
export type Place<Request> = (request: Request, idempotencyKey: string) => Promise<string>;

/** Enough to reach every product of the default catalogue; they are built before the first order is placed. */
const variantsMax = 10_000;
const rejected = 'REJECTED';
const samplesMax = 5;
/** Longer than any wait that is asked for: what has not ended by then never will. */
const drainMsMax = 45_000;

export class Load<Request> {
  private readonly latencies: number[] = [];
  private readonly marks: Mark[] = [];
  private readonly samples: string[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private readonly run = randomUUID().slice(0, 8);
  private placed = 0;
  private wrong = 0;
  private otherwise = 0;
  private stopped = false;

  /** The variants are asked for in turn. */
  constructor(
    private readonly pace: Pace,
    private readonly variants: readonly Variant<Request>[],
    private readonly place: Place<Request>,
  ) {}

  start(): void {
    const { rate, clients } = this.pace;
    if (rate !== undefined) this.keep(this.openLoop(rate));
    else for (let client = 0; client < clients; client++) this.keep(this.client());
  }

  mark(): Mark {
    const mark = { completed: this.latencies.length, atMs: performance.now() };
    this.marks.push(mark);
    return mark;
  }

  /** Places nothing more and waits for what is under way. */
  async finish(): Promise<LoadResult> {
    this.stopped = true;
    const giveUp = Promise.withResolvers<void>();
    const timer = setTimeout(() => giveUp.resolve(), drainMsMax);
    while (this.underWay.size > 0) {
      const drained = Promise.all(this.underWay).then(() => true);
      if ((await Promise.race([drained, giveUp.promise])) !== true) break;
    }
    clearTimeout(timer);
    const lost = this.placed - this.latencies.length - this.wrong;
    if (lost > 0) this.samples.push(`${lost} orders were never answered`);
    const { placed, samples } = this;
    return { latency: this.latency(), placed, wrong: this.wrong + lost, otherwise: this.otherwise, samples };
  }

  private latency(): LoadResult['latency'] {
    const measured = this.latencies.slice(this.marks[0]?.completed, this.marks.at(-1)?.completed);
    const sorted = measured.toSorted((left, right) => left - right);
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), max: at(1) };
  }

  private keep(work: Promise<void>): void {
    this.underWay.add(work);
    void work.finally(() => this.underWay.delete(work));
  }

  private async client(): Promise<void> {
    while (!this.stopped) await this.one(performance.now());
  }

  /** Orders that fell behind are placed at once, and their latency counts from when they were due. */
  private async openLoop(rate: number): Promise<void> {
    const startedAt = performance.now();
    for (let count = 0; !this.stopped; count++) {
      const dueAt = startedAt + (count * 1_000) / rate;
      const waitMs = dueAt - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (!this.stopped) this.keep(this.one(dueAt));
    }
  }

  private async one(sinceMs: number): Promise<void> {
    const number = this.placed++;
    const { fate, otherwise, request } = this.variants[number % this.variants.length]!;
    try {
      const end = await this.place(request, `${this.run}-${number}`);
      if (end === otherwise) this.otherwise++;
      if (end === fate || end === otherwise) this.latencies.push(performance.now() - sinceMs);
      else this.note(`wanted ${fate}, found ${end}`);
    } catch (error) {
      this.note(error instanceof Error ? error.message : String(error));
    }
  }

  private note(sample: string): void {
    this.wrong++;
    if (this.samples.length < samplesMax) this.samples.push(sample);
  }
}

/** Orders for every product of `plan`, each made ready once by `prepare`, BEFORE the first is placed. */
export function orderVariants<Request>(
  { skus, protocol }: LoadPlan,
  prepare: (body: OrderBody) => Request,
): readonly Variant<Request>[] {
  return Array.from({ length: Math.min(variantsMax, 10 * skus.length) }, (_, index) => {
    const fate = fateOf(index);
    const body = bodyOf(index, fate, skus);
    // Unsaid it is a saga: the body that everybody sends.
    const request = prepare(protocol === 'saga' ? body : { ...body, protocol });
    // Two-phase commit gives up an order whose goods stay locked by others for too long.
    return protocol === 'two-phase-commit' && fate !== rejected
      ? { fate, otherwise: rejected, request }
      : { fate, request };
  });
}

/** Every tenth order goes where no carrier does: its third step is refused, and the first two are undone. */
function fateOf(index: number): string {
  return index % 10 === 9 ? rejected : 'CONFIRMED';
}

/** One line of one piece, for one of a thousand customers. The multiplier scatters neighbours over the catalogue. */
function bodyOf(index: number, fate: string, skus: readonly string[]) {
  const sku = skus[((index * 2_654_435_761) >>> 0) % skus.length]!;
  const country = fate === rejected ? 'AQ' : 'CH';
  return {
    customerId: `bench-${index % 1_000}`,
    currency: 'EUR',
    lines: [{ sku, quantity: 1 }],
    paymentToken: 'tok_ok',
    shipTo: { name: 'Ada Lovelace', street: '1 Harbour Road', city: 'Oldport', postcode: '4051', country },
  };
}
