/**
 * The operators' look at semantic locks: what is held, by whom, since when, and who waits. Reading only: a lock is free
 * when its transaction ends, and nothing here can take it away.
 */
import { OperatorGuard } from '@sagamore/platform';
import { Journal } from '@sagamore/runtime';
import { Controller, Get, Query, UseGuards } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { lockList, locksView, type LockView } from './lock.view.js';

const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  /** Keys are the business's own words, so a cursor carries one as it is. */
  cursor: z.string().min(1).max(1_000).optional(),
});

@ApiTags('locks')
@Controller('locks')
@UseGuards(OperatorGuard)
export class LockController {
  constructor(private readonly journal: Journal) {}

  @Get()
  @ApiOkResponse({ standardSchema: lockList })
  async list(
    @Query({ schema: listQuery }) { limit, cursor }: z.infer<typeof listQuery>,
  ): Promise<{ items: readonly LockView[]; nextCursor: string | null }> {
    const rows = await this.journal.listLocks({
      keysMax: limit,
      ...(cursor !== undefined && { after: cursor }),
    });
    const items = locksView(rows);
    return { items, nextCursor: items.length === limit ? (items.at(-1)?.key ?? null) : null };
  }
}
