/**
 * The REST door through which a customer calls an order off, and learns which side of the pivot that came to (S109).
 */
import { Body, Controller, Param, Post, Res } from '@nestjs/common';
import { PreferWait, ProblemException } from '@sagamore/platform';
import { isUuid } from '@sagamore/primitives';
import { z } from 'zod';
import { acceptedAnswer, orderAnswer, type AcceptedAnswer, type OrderAnswer } from './order.answers.js';
import { OrderCancellation } from './order.cancellation.js';
import { isFinal, type Order } from './order.js';
import { OrderReader } from './order.reader.js';
import { OrderWakeups } from './order.wakeups.js';

/** What is used of the HTTP server's reply. */
interface Reply {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

/** There is nothing to say but that it shall be cancelled (B17). */
const cancelBody = z.strictObject({}).nullish();

/** Beyond this many waiting for an end, the answer is given at once: waiting is a courtesy. */
const waitersMax = 5_000;

@Controller('orders')
export class OrderCancellationController {
  constructor(
    private readonly cancellation: OrderCancellation,
    private readonly reader: OrderReader,
    private readonly wakeups: OrderWakeups,
  ) {}

  /** 202 while nobody knows which was first; with `Prefer: wait` the end is waited for. 200 with the order once it is
   *  CANCELLED, 409 once it has come to another end. Asking again changes nothing. */
  @Post(':orderId/cancel')
  async cancel(
    @Param('orderId') orderId: string,
    @Body({ schema: cancelBody }) _body: unknown,
    @PreferWait() waitMs: number,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<AcceptedAnswer | OrderAnswer> {
    const found = await this.existing(orderId);
    if (!isFinal(found.status)) await this.cancellation.ask(orderId);
    if (waitMs > 0) reply.header('Preference-Applied', `wait=${waitMs / 1_000}`);
    if (!isFinal(found.status) && waitMs > 0 && this.wakeups.size < waitersMax)
      await this.wakeups.wait(orderId, waitMs);
    const order = await this.existing(orderId);
    reply.status(isFinal(order.status) ? 200 : 202);
    return answerTo(order);
  }

  private async existing(orderId: string): Promise<Order> {
    const order = isUuid(orderId) ? await this.reader.find(orderId) : undefined;
    if (order === undefined)
      throw new ProblemException(404, 'ORDER_UNKNOWN', { detail: 'there is no such order' });
    return order;
  }
}

function answerTo(order: Order): AcceptedAnswer | OrderAnswer {
  switch (order.status) {
    case 'PENDING':
      return acceptedAnswer(order.orderId);
    case 'CANCELLED':
      return orderAnswer(order);
    case 'CONFIRMED':
      throw new ProblemException(409, 'ORDER_ALREADY_CONFIRMED', {
        detail: 'the order was confirmed before it could be cancelled',
        extensions: { order: orderAnswer(order) },
      });
    case 'REJECTED':
      throw new ProblemException(409, 'ORDER_ALREADY_REJECTED', {
        detail: 'the order was rejected before it could be cancelled',
        extensions: { order: orderAnswer(order) },
      });
  }
}
