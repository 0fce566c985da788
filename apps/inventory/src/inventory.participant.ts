/**
 * Inventory's part in a transaction: take the stock of an order, or give it back; or hold it first, and then deduct it or
 * let it go (R26).
 * Works on the whole batch: one lock, one decision in memory, one write. It meets no duplicate and no late command;
 * the barrier has seen to that.
 */
import assert from 'node:assert/strict';
import { refused, succeeded } from '@sagamore/engine';
import { holdStock, reserveStock, takeStock } from '@sagamore/contracts';
import { ConfirmsBatch, HandlesBatch, Participant, Prepares, UndoesBatch } from '@sagamore/platform';
import type { CommandOf, ConfirmationOf, HandledCommand, ReplyOf, Tx, UndoOf } from '@sagamore/runtime';
import { allocate, settle, skusOf, type StockMove, type StockOrder } from './inventory.js';
import { StockStore } from './inventory.store.js';
import { StockAnnouncer } from './stock.announcer.js';

type Reserve = CommandOf<typeof reserveStock>;
type Settlement = HandledCommand<{ readonly input: Reserve['payload'] }>;

@Participant('inventory')
export class InventoryParticipant {
  constructor(
    private readonly stock: StockStore,
    private readonly announcer: StockAnnouncer,
  ) {}

  /** All lines of an order or none; the reservation's id is the operation's. */
  @HandlesBatch(reserveStock)
  reserve(commands: readonly Reserve[], tx: Tx): Promise<readonly ReplyOf<typeof reserveStock>[]> {
    return this.allocate(commands, tx, 'taken');
  }

  /** The mirror. The lines come with the command: what was reserved is what was asked for. */
  @UndoesBatch(reserveStock)
  async release(commands: readonly UndoOf<typeof reserveStock>[], tx: Tx): Promise<void> {
    this.book(tx, settle(commands.map(settledOrder), 'returned'));
  }

  /** As `reserve`, but nobody has bought it yet. */
  @HandlesBatch(holdStock)
  hold(commands: readonly Reserve[], tx: Tx): Promise<readonly ReplyOf<typeof holdStock>[]> {
    return this.allocate(commands, tx, 'held');
  }

  @ConfirmsBatch(holdStock)
  async deduct(commands: readonly ConfirmationOf<typeof holdStock>[], tx: Tx): Promise<void> {
    this.book(tx, settle(commands.map(settledOrder), 'deducted'));
  }

  @UndoesBatch(holdStock)
  async releaseHold(commands: readonly UndoOf<typeof holdStock>[], tx: Tx): Promise<void> {
    this.book(tx, settle(commands.map(settledOrder), 'released'));
  }

  /** By itself: it keeps its SKUs locked until two-phase commit has decided, which no other order may share (R19). */
  @Prepares(takeStock)
  async take(command: Reserve, tx: Tx): Promise<ReplyOf<typeof takeStock>> {
    const [reply] = await this.allocate([command], tx, 'taken');
    assert(reply !== undefined, 'one order, one answer');
    return reply;
  }

  private async allocate(
    commands: readonly Reserve[],
    tx: Tx,
    kind: 'taken' | 'held',
  ): Promise<readonly ReplyOf<typeof reserveStock>[]> {
    const orders = commands.map((command) => orderOf(command, command.payload.lines));
    const { refusals, moves } = allocate(await this.stock.lock(tx, skusOf(orders)), orders, kind);
    this.book(tx, moves);
    return orders.map(({ operationId }, index) => {
      const refusal = refusals[index];
      return refusal === undefined
        ? succeeded({ reservationId: operationId })
        : refused(refusal.code, refusal.details);
    });
  }

  private book(tx: Tx, moves: readonly StockMove[]): void {
    this.stock.book(tx, moves);
    tx.afterCommit(() => this.announcer.changed(moves.map(({ sku }) => sku)));
  }
}

function settledOrder(command: Settlement): StockOrder {
  return orderOf(command, command.payload.input.lines);
}

function orderOf({ operationId, transactionId }: HandledCommand, lines: StockOrder['lines']): StockOrder {
  return { operationId, transactionId, lines };
}
