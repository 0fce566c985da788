/**
 * The operators' look at what the watchdog has found: moving transactions that nobody had in hand. Reading only: what could be
 * repaired was repaired when it was found.
 */
import { OperatorGuard } from '@sagamore/platform';
import { Coordinator } from '@sagamore/runtime';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';

const strayView = z.object({
  transactionId: z.string(),
  definition: z.string(),
  shard: z.number(),
  finding: z.enum(['forgotten', 'unarmed', 'unattended']),
  isRepaired: z.boolean(),
  at: z.string(),
});

const strayList = z.object({ items: z.array(strayView) });

@ApiTags('strays')
@Controller('strays')
@UseGuards(OperatorGuard)
export class StrayController {
  constructor(private readonly coordinator: Coordinator) {}

  /** The last of this instance, which watches the shards that it holds; newest first. */
  @Get()
  @ApiOkResponse({ standardSchema: strayList })
  list(): z.infer<typeof strayList> {
    const newestFirst = this.coordinator.strays.toReversed();
    return { items: newestFirst.map(({ at, ...stray }) => ({ ...stray, at: new Date(at).toISOString() })) };
  }
}
