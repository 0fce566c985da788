/**
 * The operators' look at schedules: where each stands in its timetable and what it started last. Reading only: what a
 * schedule does is declared in code.
 */
import { OperatorGuard } from '@sagamore/platform';
import { Scheduler } from '@sagamore/runtime';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';

const scheduleView = z.object({
  name: z.string(),
  timetable: z.string(),
  definition: z.string(),
  missed: z.enum(['skip', 'once', 'all']),
  overlap: z.enum(['forbid', 'allow']),
  nextAt: z.string().nullable(),
  lastTickAt: z.string().nullable(),
  lastTransactionId: z.string().nullable(),
});

const scheduleList = z.object({ items: z.array(scheduleView) });

@ApiTags('schedules')
@Controller('schedules')
@UseGuards(OperatorGuard)
export class ScheduleController {
  constructor(private readonly scheduler: Scheduler) {}

  @Get()
  @ApiOkResponse({ standardSchema: scheduleList })
  async list(): Promise<z.infer<typeof scheduleList>> {
    const schedules = await this.scheduler.list();
    const items = schedules.map(({ name, timetableName, definition, missed, overlap, row }) => ({
      name,
      timetable: timetableName,
      definition,
      missed,
      overlap,
      nextAt: instant(row?.nextAt),
      lastTickAt: instant(row?.lastTickAt),
      lastTransactionId: row?.lastTransactionId ?? null,
    }));
    return { items };
  }
}

/** None, where there is none yet or none any more. */
function instant(ms: number | undefined): string | null {
  return ms === undefined || ms === Infinity ? null : new Date(ms).toISOString();
}
