/**
 * The REST face of orders: where the order's road begins with a POST and ends with an answer, a read or a stream.
 * It translates between HTTP and the service; it decides nothing and trusts only what its schemas let through.
 */
import {
  Body,
  Controller,
  Get,
  Headers,
  Param,
  Post,
  Query,
  Res,
  Sse,
  type MessageEvent,
} from '@nestjs/common';
import { IdempotencyKey, PreferWait, ProblemException, transactionHeader } from '@sagamore/platform';
import { isUuid } from '@sagamore/primitives';
import type { Observable } from 'rxjs';
import {
  acceptedAnswer,
  orderAnswer,
  orderPath,
  type AcceptedAnswer,
  type OrderAnswer,
} from './order.answers.js';
import { isFinal, type Order } from './order.js';
import {
  listOrdersQuery,
  placeOrderBody,
  readCursor,
  writeCursor,
  type ListOrdersQuery,
  type PlaceOrderBody,
} from './order.requests.js';
import { OrderReader } from './order.reader.js';
import { OrderService, type Placed } from './order.service.js';
import { OrderStreams } from './order.streams.js';
import { OrderWakeups } from './order.wakeups.js';

/** What is used of the HTTP server's reply. */
interface Reply {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

/** Beyond this many waiting for an end, a POST is answered at once: waiting is a courtesy. */
const waitersMax = 5_000;

@Controller('orders')
export class OrdersController {
  constructor(
    private readonly service: OrderService,
    private readonly reader: OrderReader,
    private readonly wakeups: OrderWakeups,
    private readonly streams: OrderStreams,
  ) {}

  /** 202 as soon as the order is safe; with `Prefer: wait` 200 once it is final. A repeat with the same key and body gets
   *  the same answer and may wait again (S46). */
  @Post()
  async place(
    @Body({ schema: placeOrderBody }) body: PlaceOrderBody,
    @IdempotencyKey() key: string,
    @PreferWait() waitMs: number,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<AcceptedAnswer | OrderAnswer> {
    const placed = accepted(await this.service.place(body, key));
    if (waitMs > 0) reply.header('Preference-Applied', `wait=${waitMs / 1_000}`);
    const ended = waitMs > 0 ? await this.endOf(placed, waitMs) : undefined;
    reply.header('Location', orderPath(placed.orderId));
    reply.header(transactionHeader, placed.orderId);
    reply.status(ended === undefined ? 202 : 200);
    return ended === undefined ? acceptedAnswer(placed.orderId) : orderAnswer(ended);
  }

  @Get(':orderId')
  async get(@Param('orderId') orderId: string): Promise<OrderAnswer> {
    return orderAnswer(await this.existing(orderId));
  }

  @Get()
  async list(
    @Query({ schema: listOrdersQuery }) { status, customerId, limit, cursor }: ListOrdersQuery,
  ): Promise<{ readonly items: readonly OrderAnswer[]; readonly nextCursor: string | null }> {
    const filters = { status, customerId };
    const before = cursor === undefined ? undefined : readCursor(cursor, filters);
    if (cursor !== undefined && before === undefined) {
      throw new ProblemException(400, 'CURSOR_INVALID', {
        detail: 'the cursor does not belong to this list',
      });
    }
    // One more than asked for tells whether there is a next page.
    const orders = await this.reader.list({ ...filters, before, limit: limit + 1 });
    const page = orders.slice(0, limit);
    const last = orders.length > limit ? page.at(-1) : undefined;
    return {
      items: page.map(orderAnswer),
      nextCursor: last === undefined ? null : writeCursor(last.orderId, filters),
    };
  }

  /** Event `order`, its id the order's version; `Last-Event-ID` resumes. A client that has seen the end gets 204, which
   *  tells an EventSource not to come back. */
  @Sse(':orderId/events')
  async events(
    @Param('orderId') orderId: string,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<Observable<MessageEvent>> {
    const order = await this.existing(orderId);
    if (this.streams.isFull) {
      throw new ProblemException(503, 'STREAMS_FULL', {
        detail: 'too many event streams are open',
        headers: { 'Retry-After': '5' },
      });
    }
    const seen = /^[0-9]{1,9}$/.test(lastEventId ?? '') ? Number(lastEventId) : 0;
    if (isFinal(order.status) && seen >= order.version) reply.status(204);
    return this.streams.watch(order, seen);
  }

  /** The order once it is final, or undefined when the wait is over first. */
  private async endOf({ orderId, status }: { orderId: string; status: Order['status'] }, waitMs: number) {
    const waited =
      isFinal(status) || (this.wakeups.size < waitersMax && (await this.wakeups.wait(orderId, waitMs)));
    if (!waited) return undefined;
    const order = await this.reader.find(orderId);
    return order !== undefined && isFinal(order.status) ? order : undefined;
  }

  private async existing(orderId: string): Promise<Order> {
    const order = isUuid(orderId) ? await this.reader.find(orderId) : undefined;
    // A malformed id answers as an unknown one does: it names no order either way.
    if (order === undefined)
      throw new ProblemException(404, 'ORDER_UNKNOWN', { detail: 'there is no such order' });
    return order;
  }
}

function accepted(placed: Placed): Extract<Placed, { outcome: 'accepted' }> {
  switch (placed.outcome) {
    case 'accepted':
      return placed;
    case 'key-reused':
      throw new ProblemException(422, 'IDEMPOTENCY_KEY_REUSED', {
        detail: 'the Idempotency-Key was used for another request',
      });
    case 'catalogue-empty':
      throw new ProblemException(503, 'CATALOGUE_EMPTY', {
        detail: 'the catalogue is not known yet',
        headers: { 'Retry-After': '1' },
      });
    case 'refused':
      throw new ProblemException(422, placed.refusal.code.toUpperCase().replaceAll('-', '_'), {
        detail: refusalDetails[placed.refusal.code] ?? 'the order cannot be placed',
      });
  }
}

const refusalDetails: Readonly<Record<string, string>> = {
  'currency-unknown': 'nothing is sold in this currency',
  'price-missing': 'a product of the order is not sold in this currency',
  'quantity-exceeded': 'the lines of one product ask for too many pieces together',
  'sku-unknown': 'a product of the order is not in the catalogue',
  'total-exceeded': 'the total is beyond the highest amount of an order',
};
