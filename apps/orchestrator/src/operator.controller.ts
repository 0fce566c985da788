/**
 * The operators' REST door to transactions as a whole: start, list, inspect. Kept by the operator guard (R29).
 */
import { isUuid } from '@sagamore/primitives';
import { fingerprint, IdempotencyKey, OperatorGuard } from '@sagamore/platform';
import { Body, Controller, Get, HttpCode, Param, Post, Query, Res, UseGuards } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { accepted, startAnswer, unknownTransaction, type Accepted } from './operator.answers.js';
import { listQuery, startBody, type ListQuery, type StartBody } from './operator.requests.js';
import { OperatorService } from './operator.service.js';
import {
  transactionList,
  transactionView,
  type TransactionSummary,
  type TransactionView,
} from './transaction.view.js';

/** What is used of the HTTP server's reply. */
interface Reply {
  header(name: string, value: string): unknown;
}

@ApiTags('transactions')
@Controller('transactions')
@UseGuards(OperatorGuard)
export class OperatorController {
  constructor(private readonly operator: OperatorService) {}

  /** 202 as soon as the start is safe. A repeat with the same key and body gets the same answer, also while the first is
   *  still being saved (S42, S46). */
  @Post()
  @HttpCode(202)
  @ApiAcceptedResponse({ standardSchema: accepted })
  async start(
    @Body({ schema: startBody }) body: StartBody,
    @IdempotencyKey() key: string,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<Accepted> {
    const answer = startAnswer(await this.operator.start({ ...body, key, requestHash: fingerprint(body) }));
    reply.header('Location', `/transactions/${answer.transactionId}`);
    return answer;
  }

  @Get()
  @ApiOkResponse({ standardSchema: transactionList })
  async list(
    @Query({ schema: listQuery }) { status, definition, limit, cursor }: ListQuery,
  ): Promise<{ items: readonly TransactionSummary[]; nextCursor: string | null }> {
    const items = await this.operator.list({
      limit,
      ...(status !== undefined && { status }),
      ...(definition !== undefined && { definition }),
      ...(cursor !== undefined && { before: cursor }),
    });
    return { items, nextCursor: items.length === limit ? items.at(-1)!.transactionId : null };
  }

  @Get(':id')
  @ApiOkResponse({ standardSchema: transactionView })
  async inspect(@Param('id') id: string): Promise<TransactionView> {
    const view = isUuid(id) ? await this.operator.inspect(id) : undefined;
    if (view === undefined) throw unknownTransaction();
    return view;
  }
}
