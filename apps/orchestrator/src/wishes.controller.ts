/**
 * The REST door to one running transaction: signals, cancel and repair. Each answers 202 once the wish is saved, and 409
 * with where the transaction now stands when it would do nothing (S41, S94). Kept by the operator guard (R29).
 */
import { isUuid } from '@sagamore/primitives';
import { IdempotencyKey, OperatorGuard } from '@sagamore/platform';
import type { Wanted } from '@sagamore/runtime';
import { Body, Controller, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import { ApiAcceptedResponse, ApiTags } from '@nestjs/swagger';
import { accepted, unknownTransaction, wishAnswer, type Accepted } from './operator.answers.js';
import {
  setResultBody,
  signalBody,
  signalName,
  skipBody,
  wishBody,
  type SetResultBody,
  type SignalBody,
  type SkipBody,
  type WishBody,
} from './operator.requests.js';
import { OperatorService } from './operator.service.js';

@ApiTags('transactions')
@Controller('transactions/:id')
@UseGuards(OperatorGuard)
export class WishesController {
  constructor(private readonly operator: OperatorService) {}

  /** What somebody says to a transaction that waits for it, or will (S39). The key is the signal's id: a repeat is delivered
   *  once and answered alike (S40). */
  @Post('signals/:name')
  @HttpCode(202)
  @ApiAcceptedResponse({ standardSchema: accepted })
  signal(
    @Param('id') id: string,
    @Param('name') name: string,
    @Body({ schema: signalBody }) { payload, reason }: SignalBody,
    @IdempotencyKey() key: string,
  ): Promise<Accepted> {
    // A name that no definition can have is not awaited either; the sentence is the same.
    const known = signalName.test(name) ? name : '';
    return this.wish(id, { type: 'signal-received', name: known, id: key, payload }, { reason });
  }

  /** Stops going forward and undoes everything; 409 once the pivot was asked for (S109). */
  @Post('cancel')
  @HttpCode(202)
  @ApiAcceptedResponse({ standardSchema: accepted })
  cancel(@Param('id') id: string, @Body({ schema: wishBody }) body: WishBody): Promise<Accepted> {
    return this.wish(id, { type: 'cancel-requested' }, body);
  }

  /** Ends it as it is: nobody is told, nothing is undone, and what is left behind is named (S32). */
  @Post('terminate')
  @HttpCode(202)
  @ApiAcceptedResponse({ standardSchema: accepted })
  terminate(@Param('id') id: string, @Body({ schema: wishBody }) body: WishBody): Promise<Accepted> {
    return this.wish(id, { type: 'terminate-requested' }, body);
  }

  /** What arrives is recorded, nothing is sent and no time passes, until it is resumed (S96). */
  @Post('pause')
  @HttpCode(202)
  @ApiAcceptedResponse({ standardSchema: accepted })
  pause(@Param('id') id: string, @Body({ schema: wishBody }) body: WishBody): Promise<Accepted> {
    return this.wish(id, { type: 'operator-paused' }, body);
  }

  /** Lets a parked or a paused one go on. */
  @Post('resume')
  @HttpCode(202)
  @ApiAcceptedResponse({ standardSchema: accepted })
  resume(@Param('id') id: string, @Body({ schema: wishBody }) body: WishBody): Promise<Accepted> {
    return this.wish(id, { type: 'operator-resumed' }, body);
  }

  /** Goes on without one half of a step; whether it happened stays unknown, so a later undo covers it (S94). */
  @Post('skip')
  @HttpCode(202)
  @ApiAcceptedResponse({ standardSchema: accepted })
  skip(@Param('id') id: string, @Body({ schema: skipBody }) body: SkipBody): Promise<Accepted> {
    const { step: branchId, operation, ...why } = body;
    return this.wish(id, { type: 'operator-skipped', branchId, operation }, why);
  }

  /** Says in the participant's place what came of one half of a step (S94, S95). */
  @Post('set-result')
  @HttpCode(202)
  @ApiAcceptedResponse({ standardSchema: accepted })
  setResult(
    @Param('id') id: string,
    @Body({ schema: setResultBody }) body: SetResultBody,
  ): Promise<Accepted> {
    const { step: branchId, operation, output, ...why } = body;
    return this.wish(id, { type: 'operator-set-result', branchId, operation, output }, why);
  }

  private async wish(
    transactionId: string,
    wanted: Wanted,
    { reason, journalVersion: version }: Pick<WishBody, 'reason' | 'journalVersion'>,
  ): Promise<Accepted> {
    if (!isUuid(transactionId)) throw unknownTransaction();
    const asked = { transactionId, wanted, reason, ...(version !== undefined && { version }) };
    return wishAnswer(transactionId, await this.operator.wish(asked));
  }
}
