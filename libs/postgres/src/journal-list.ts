/**
 * How transactions are listed for people, newest first, whatever the history behind them has grown to (S110). Plans are
 * generic, so only a literal lets a partial index serve: each shape of a question is a statement of its own.
 */
import assert from 'node:assert/strict';
import type { TransactionQuery } from '@sagamore/runtime';
import { statement, type Statement } from './statement.js';

/** How most transactions end. A page of these is found at the end of the primary key. */
const goodEnds = ['completed', 'confirmed', 'committed', 'delivered'];

export class TransactionLists {
  readonly #newest: Statement;
  readonly #parked: Statement;
  readonly #rare: Statement;

  /** `columns`: what is read of each row. */
  constructor(columns: string) {
    const row = `select ${columns}, '[]'::json as events from transaction`;
    this.#newest = statement(
      'journal-list',
      `${row}
       where ($1::text is null or status = $1) and ($2::text is null or phase = $2)
         and ($3::text is null or definition = $3) and ($4::uuid is null or transaction_id < $4)
       order by transaction_id desc limit $5`,
    );
    // An operator's first look must not walk through a million that ended.
    this.#parked = statement(
      'journal-list-parked',
      `${row}
       where phase = 'parked' and ($1::text is null or definition = $1)
         and ($2::uuid is null or transaction_id < $2)
       order by transaction_id desc limit $3`,
    );
    // What stands in such a status is under way, in memory or out of it, or ended otherwise than most: four indexes of few.
    const parts = [
      `phase = 'moving' and due_at is null`,
      `due_at is not null`,
      `phase = 'parked'`,
      `phase = 'final' and status not in (${goodEnds.map((end) => `'${end}'`).join(', ')})`,
    ].map(
      (part) => `(${row}
       where ${part} and status = $1 and ($2::text is null or phase = $2)
         and ($3::text is null or definition = $3) and ($4::uuid is null or transaction_id < $4)
       order by transaction_id desc limit $5)`,
    );
    this.#rare = statement(
      'journal-list-rare',
      `select * from (${parts.join(' union all ')}) as found order by transaction_id desc limit $5`,
    );
  }

  /** The statement that answers the question, with its values. */
  of(query: TransactionQuery): readonly [Statement, readonly unknown[]] {
    const { status = null, phase = null, definition = null, before = null, limit } = query;
    assert(limit >= 1 && limit <= 500, `a list holds 1 to 500 transactions, asked for ${limit}`);
    if (status === 'parked' && (phase ?? 'parked') === 'parked')
      return [this.#parked, [definition, before, limit]];
    const isCommon = status === null || goodEnds.includes(status);
    return [isCommon ? this.#newest : this.#rare, [status, phase, definition, before, limit]];
  }
}
