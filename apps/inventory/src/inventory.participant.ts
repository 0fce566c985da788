/**
 * Inventory's part in a transaction: take the stock of an order, or give it back (R26).
 * Works on the whole batch: one lock, one decision in memory, one write. It meets no duplicate and no late command;
 * the barrier has seen to that.
 */
import { refused, succeeded } from '@sagamore/engine';
import { reserveStock } from '@sagamore/contracts';
import { HandlesBatch, Participant, UndoesBatch } from '@sagamore/platform';
import type { CommandOf, ReplyOf, Tx, UndoOf } from '@sagamore/runtime';
import { allocate, giveBack, skusOf, type StockMove, type StockOrder } from './inventory.js';
import { StockStore } from './inventory.store.js';
import { StockAnnouncer } from './stock.announcer.js';

type Reserve = CommandOf<typeof reserveStock>;
type Release = UndoOf<typeof reserveStock>;

@Participant('inventory')
export class InventoryParticipant {
  constructor(
    private readonly stock: StockStore,
    private readonly announcer: StockAnnouncer,
  ) {}

  /** All lines of an order or none; the reservation's id is the operation's. */
  @HandlesBatch(reserveStock)
  async reserve(commands: readonly Reserve[], tx: Tx): Promise<readonly ReplyOf<typeof reserveStock>[]> {
    const orders = commands.map((command) => orderOf(command, command.payload.lines));
    const { refusals, moves } = allocate(await this.stock.lock(tx, skusOf(orders)), orders);
    this.book(tx, moves);
    return orders.map(({ operationId }, index) => {
      const refusal = refusals[index];
      return refusal === undefined
        ? succeeded({ reservationId: operationId })
        : refused(refusal.code, refusal.details);
    });
  }

  /** The mirror. The lines come with the command: what was reserved is what was asked for. */
  @UndoesBatch(reserveStock)
  async release(commands: readonly Release[], tx: Tx): Promise<void> {
    this.book(tx, giveBack(commands.map((command) => orderOf(command, command.payload.input.lines))));
  }

  private book(tx: Tx, moves: readonly StockMove[]): void {
    this.stock.book(tx, moves);
    tx.afterCommit(() => this.announcer.changed(moves.map(({ sku }) => sku)));
  }
}

function orderOf(command: Reserve | Release, lines: StockOrder['lines']): StockOrder {
  return { operationId: command.operationId, transactionId: command.transactionId, lines };
}
