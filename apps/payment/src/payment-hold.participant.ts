/**
 * Payment's part where the money is held first: authorize before the vote, or in the try, then capture or void as was
 * decided (R21). It keeps the same rules as a charge: the call runs outside any database transaction (R7 to R9), and what
 * came of it is booked in a batch, together with the barrier rows.
 */
import { authorizePayment } from '@sagamore/contracts';
import { refused, succeeded, type Reply } from '@sagamore/engine';
import {
  Calls,
  CallsConfirm,
  CallsUndo,
  Participant,
  Records,
  RecordsConfirm,
  RecordsUndo,
  type CallContext,
} from '@sagamore/platform';
import type {
  CommandOf,
  ConfirmationOf,
  ReplyOf,
  SettledConfirmationOf,
  SettledOf,
  SettledUndoOf,
  Tx,
  UndoOf,
} from '@sagamore/runtime';
import { CardNetwork, type SettlementRequest } from './card-network.client.js';
import { entriesOfCapture, entriesOfHold, entriesOfRelease } from './payment.js';
import { paymentOf } from './payment.participant.js';
import { LedgerStore } from './payment.store.js';

type Authorize = typeof authorizePayment;

@Participant('payment')
export class PaymentHoldParticipant {
  constructor(
    private readonly cardNetwork: CardNetwork,
    private readonly ledger: LedgerStore,
  ) {}

  @Calls(authorizePayment)
  async authorize(
    { payload }: CommandOf<Authorize>,
    { providerKey }: CallContext,
  ): Promise<ReplyOf<Authorize>> {
    const { amount, paymentToken: token, orderId: reference } = payload;
    const answer = await this.cardNetwork.authorize(providerKey, { amount, token, reference });
    return answer.status === 'authorized'
      ? succeeded({ authorizationId: answer.authorizationId })
      : refused(answer.code);
  }

  @Records(authorizePayment)
  async bookHold(settled: readonly SettledOf<Authorize>[], tx: Tx): Promise<void> {
    this.ledger.book(
      tx,
      settled.flatMap(({ command }) => entriesOfHold(paymentOf(command, command.payload))),
    );
  }

  @CallsConfirm(authorizePayment)
  async capture({ payload }: ConfirmationOf<Authorize>, { providerKey }: CallContext): Promise<Reply> {
    const answer = await this.cardNetwork.capture(
      `${providerKey}/capture`,
      settlementOf(providerKey, payload),
    );
    return answer.status === 'captured' ? succeeded({}) : refused(answer.code);
  }

  @RecordsConfirm(authorizePayment)
  async bookCapture(settled: readonly SettledConfirmationOf<Authorize>[], tx: Tx): Promise<void> {
    this.ledger.book(
      tx,
      settled.flatMap(({ command }) => entriesOfCapture(paymentOf(command, command.payload.input))),
    );
  }

  /** By the authorization's key, known or not: where the network finds none it plants a tombstone (R8). */
  @CallsUndo(authorizePayment)
  async void({ payload }: UndoOf<Authorize>, { providerKey }: CallContext): Promise<Reply> {
    const answer = await this.cardNetwork.void(`${providerKey}/void`, settlementOf(providerKey, payload));
    if (answer.status === 'refused') return refused(answer.code);
    return answer.status === 'voided' ? succeeded({}) : { outcome: 'succeeded', output: {}, empty: true };
  }

  /** As with a refund: what was voided had been held, so a hold that a crash kept from the books is booked with it. */
  @RecordsUndo(authorizePayment)
  async bookVoid(settled: readonly SettledUndoOf<Authorize>[], tx: Tx): Promise<void> {
    const voided = settled
      .filter(({ reply }) => reply.empty !== true)
      .map(({ command }) => ({ command, payment: paymentOf(command, command.payload.input) }));
    this.ledger.bookMissing(
      tx,
      voided.flatMap(({ command: { settledOperationId: operationId }, payment }) =>
        entriesOfHold({ ...payment, operationId }),
      ),
    );
    this.ledger.book(
      tx,
      voided.flatMap(({ payment }) => entriesOfRelease(payment)),
    );
  }
}

function settlementOf(
  authorizationKey: string,
  { input }: { readonly input: CommandOf<Authorize>['payload'] },
): SettlementRequest {
  return { authorizationKey, reference: input.orderId };
}
