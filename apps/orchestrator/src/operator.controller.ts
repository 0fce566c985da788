/**
 * The operators' REST door: list, inspect, resume. Kept by the operator guard (R29).
 */
import { isUuid } from '@sagamore/primitives';
import { OperatorGuard, ProblemException } from '@sagamore/platform';
import { Body, Controller, Get, HttpCode, Param, Post, Query, UseGuards } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { OperatorService } from './operator.service.js';
import {
  transactionList,
  transactionView,
  type TransactionSummary,
  type TransactionView,
} from './transaction.view.js';

const limitMax = 500;

const listQuery = z.strictObject({
  status: z.enum(['executing', 'compensating', 'completed', 'compensated', 'parked']).optional(),
  definition: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,99}$/)
    .optional(),
  limit: z.coerce.number().int().min(1).max(limitMax).default(50),
  cursor: z.string().refine(isUuid, 'expected a cursor of an earlier answer').optional(),
});

const resumeBody = z.strictObject({ reason: z.string().trim().min(1).max(500) });

@ApiTags('transactions')
@Controller('transactions')
@UseGuards(OperatorGuard)
export class OperatorController {
  constructor(private readonly operator: OperatorService) {}

  @Get()
  @ApiOkResponse({ standardSchema: transactionList })
  async list(
    @Query({ schema: listQuery }) { status, definition, limit, cursor }: z.infer<typeof listQuery>,
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

  @Post(':id/resume')
  @HttpCode(202)
  @ApiAcceptedResponse({ description: 'Saved; the owner of the transaction acts on it.' })
  async resume(
    @Param('id') id: string,
    @Body({ schema: resumeBody }) { reason }: z.infer<typeof resumeBody>,
  ): Promise<{ transactionId: string; status: 'accepted' }> {
    const answer = isUuid(id) ? await this.operator.resume(id, reason) : 'unknown';
    if (answer === 'unknown') throw unknownTransaction();
    if (answer === 'not-parked') {
      throw new ProblemException(409, 'TRANSACTION_NOT_PARKED', {
        detail: 'only a parked transaction can be resumed, and only once; look at its present status',
      });
    }
    return { transactionId: id, status: 'accepted' };
  }
}

function unknownTransaction(): ProblemException {
  return new ProblemException(404, 'TRANSACTION_UNKNOWN', { detail: 'no transaction has this id' });
}
