/**
 * Clients: what was promised over REST, held against the orders that are there. Needs a client's log, in the order in
 * which its answers came.
 */
import { rowsCheck, type Check } from '../check.js';

const sameKey = `o.customer_id = a.customer_id and o.idempotency_key = a.idempotency_key`;

/** Answers that leave open whether the order exists: none, a time-out, too many, a server that failed. */
const isNo = `a.http between 400 and 499 and a.http not in (408, 409, 425, 429)`;

export const clientChecks: readonly Check[] = [
  rowsCheck({
    id: 'I27',
    title: 'every acknowledged order exists, and no refused one does',
    needs: 'client-log',
    questions: [
      {
        service: 'order',
        sql: `select distinct a.order_id as "orderId", a.http, 'missing' as "order" from client_answer a
          where a.http between 200 and 299 and not exists (
            select from orders o where o.order_id::text = a.order_id and ${sameKey})`,
      },
      {
        service: 'order',
        sql: `select o.order_id::text as "orderId", a.http, o.status as "order" from client_answer a
          join orders o on ${sameKey}
          where ${isNo} and not exists (select from client_answer yes where yes.http between 200 and 299
            and yes.customer_id = a.customer_id and yes.idempotency_key = a.idempotency_key)`,
      },
    ],
  }),
  rowsCheck({
    id: 'I28',
    title: 'one key of one customer is one order, and the same answer each time',
    needs: 'client-log',
    questions: [
      {
        service: 'order',
        sql: `select min(a.order_id) as "orderId", max(a.order_id) as "otherOrderId", count(*) as answers
          from client_answer a where a.http between 200 and 299
          group by a.customer_id, a.idempotency_key having count(distinct a.order_id) <> 1 or count(*) <> count(a.order_id)`,
      },
      {
        service: 'order',
        sql: `select min(o.order_id::text) as "orderId", max(o.order_id::text) as "otherOrderId", count(*) as orders
          from orders o group by o.customer_id, o.idempotency_key having count(*) > 1`,
      },
      {
        service: 'order',
        sql: `select min(a.order_id) as "orderId", min(a.http) as http, max(a.http) as "otherHttp" from client_answer a
          where a.http between 200 and 299 or ${isNo} group by a.customer_id, a.idempotency_key
          having min(a.http) < 300 and max(a.http) >= 400`,
      },
    ],
  }),
  rowsCheck({
    id: 'I31',
    title: 'no client saw an order leave its end',
    needs: 'client-log',
    questions: [
      {
        service: 'order',
        sql: `select early.order_id as "orderId", early.status as seen, late.status as "seenLater" from client_read early
          join client_read late on late.order_id = early.order_id and late.position > early.position
          where early.status in ('CONFIRMED', 'REJECTED', 'CANCELLED') and late.http = 200 and late.status <> early.status`,
      },
      {
        service: 'order',
        sql: `select r.order_id as "orderId", r.status as seen, o.status as "order" from client_read r
          join orders o on o.order_id::text = r.order_id
          where r.status in ('CONFIRMED', 'REJECTED', 'CANCELLED') and o.status <> r.status`,
      },
    ],
  }),
  rowsCheck({
    id: 'I32',
    title: 'no client was told that an acknowledged order does not exist',
    needs: 'client-log',
    questions: [
      {
        service: 'order',
        sql: `select distinct r.order_id as "orderId", r.http from client_read r
          join client_answer a on a.order_id = r.order_id and a.position < r.position and a.http between 200 and 299
          where r.http = 404`,
      },
    ],
  }),
];
