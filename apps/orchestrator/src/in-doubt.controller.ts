/**
 * The operators' door to what is in doubt: who waits for which word, and how long; and the word of a person who has settled a
 * branch by hand in its database. Such a word is recorded like any wish, and flagged where it contradicts (S71).
 */
import { isUuid } from '@sagamore/primitives';
import { OperatorGuard } from '@sagamore/platform';
import { Definitions, Journal, type StoredTransaction } from '@sagamore/runtime';
import { Body, Controller, Get, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { inDoubtList, inDoubtOf, type InDoubtView } from './in-doubt.view.js';
import { accepted, unknownTransaction, wishAnswer, type Accepted } from './operator.answers.js';
import { outcomeBody, type OutcomeBody } from './operator.requests.js';
import { OperatorService } from './operator.service.js';

/** Transactions of each kind that are looked through at one time. */
const lookedAtMax = 500;

@ApiTags('in doubt')
@Controller()
@UseGuards(OperatorGuard)
export class InDoubtController {
  constructor(
    private readonly journal: Journal,
    private readonly definitions: Definitions,
    private readonly operator: OperatorService,
  ) {}

  /** The oldest first. `isTruncated`: there are more transactions than were looked through. */
  @Get('in-doubt')
  @ApiOkResponse({ standardSchema: inDoubtList })
  async list(): Promise<z.infer<typeof inDoubtList>> {
    const queries = [
      ...['preparing', 'committing', 'aborting'].map((status) => ({ status })),
      { phase: 'parked' } as const,
    ];
    const pages = await Promise.all(
      queries.map((query) => this.journal.list({ ...query, limit: lookedAtMax })),
    );
    const stored = await this.journal.load(pages.flat().map(({ transactionId }) => transactionId));
    const items = stored.flatMap((each) => this.doubtsOf(each));
    return {
      items: items.toSorted((left, right) => right.ageMs - left.ageMs),
      isTruncated: pages.some(({ length }) => length === lookedAtMax),
    };
  }

  /** Says how a person has settled this branch by hand. It settles nothing itself. */
  @Post('transactions/:id/branches/:branch/outcome')
  @HttpCode(202)
  @ApiAcceptedResponse({ standardSchema: accepted })
  async report(
    @Param('id') transactionId: string,
    @Param('branch') branchId: string,
    @Body({ schema: outcomeBody }) { outcome, reason, journalVersion: version }: OutcomeBody,
  ): Promise<Accepted> {
    if (!isUuid(transactionId)) throw unknownTransaction();
    const wanted = { type: 'outcome-reported', branchId, outcome } as const;
    const asked = { transactionId, wanted, reason, ...(version !== undefined && { version }) };
    return wishAnswer(transactionId, await this.operator.wish(asked));
  }

  private doubtsOf(stored: StoredTransaction): readonly InDoubtView[] {
    const protocol = this.definitions.exact(stored.definition, stored.version);
    return protocol === undefined ? [] : inDoubtOf(stored, protocol, this.journal.now());
  }
}
