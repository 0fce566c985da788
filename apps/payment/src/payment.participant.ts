/**
 * Payment's part in a transaction: charge the card, or give the money back. The call to the card network runs outside
 * any database transaction (R7 to R9); what came of it is booked in a batch, together with the barrier rows.
 */
import { refused, succeeded, type Reply } from '@sagamore/engine';
import { chargePayment } from '@sagamore/contracts';
import { Calls, CallsUndo, Participant, Records, RecordsUndo, type CallContext } from '@sagamore/platform';
import type { CommandOf, ReplyOf, SettledOf, SettledUndoOf, Tx, UndoOf } from '@sagamore/runtime';
import { CardNetwork } from './card-network.client.js';
import { entriesOfCharge, entriesOfRefund, type Payment } from './payment.js';
import { LedgerStore } from './payment.store.js';

type Charge = typeof chargePayment;

@Participant('payment')
export class PaymentParticipant {
  constructor(
    private readonly cardNetwork: CardNetwork,
    private readonly ledger: LedgerStore,
  ) {}

  @Calls(chargePayment)
  async charge({ payload }: CommandOf<Charge>, { providerKey }: CallContext): Promise<ReplyOf<Charge>> {
    const { amount, paymentToken: token, orderId: reference } = payload;
    const answer = await this.cardNetwork.charge(providerKey, { amount, token, reference });
    return answer.status === 'captured' ? succeeded({ chargeId: answer.chargeId }) : refused(answer.code);
  }

  @Records(chargePayment)
  async book(settled: readonly SettledOf<Charge>[], tx: Tx): Promise<void> {
    this.ledger.book(
      tx,
      settled.flatMap(({ command }) => entriesOfCharge(paymentOf(command, command.payload))),
    );
  }

  /** By the charge's key, known or not: where the network finds no charge it plants a tombstone (R8). */
  @CallsUndo(chargePayment)
  async refund({ payload }: UndoOf<Charge>, { providerKey }: CallContext): Promise<Reply> {
    const request = { chargeKey: providerKey, reference: payload.input.orderId };
    const answer = await this.cardNetwork.refund(`${providerKey}/refund`, request);
    if (answer.status === 'refused') return refused(answer.code);
    return answer.status === 'refunded' ? succeeded({}) : { outcome: 'succeeded', output: {}, empty: true };
  }

  @RecordsUndo(chargePayment)
  async bookRefund(settled: readonly SettledUndoOf<Charge>[], tx: Tx): Promise<void> {
    const refunds = settled
      .filter(({ reply }) => reply.empty !== true)
      .map(({ command }) => ({ command, payment: paymentOf(command, command.payload.input) }));
    // A crash between the network's yes and our books leaves a charge that was never booked. Its refund proves that it
    // happened, so both are booked: the books follow the network, and no refund stands without its charge (I13).
    this.ledger.bookMissing(
      tx,
      refunds.flatMap(({ command: { settledOperationId: operationId }, payment }) =>
        entriesOfCharge({ ...payment, operationId }),
      ),
    );
    this.ledger.book(
      tx,
      refunds.flatMap(({ payment }) => entriesOfRefund(payment)),
    );
  }
}

export function paymentOf(
  { operationId, transactionId }: { readonly operationId: string; readonly transactionId: string },
  { customerId, amount }: CommandOf<Charge>['payload'],
): Payment {
  return { operationId, transactionId, customerId, amount };
}
