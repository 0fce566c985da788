/**
 * The REST door to bulk jobs: one wish for many transactions, followed and stopped. Kept by the operator guard (R29).
 */
import { randomUUID } from 'node:crypto';
import { OperatorGuard, ProblemException } from '@sagamore/platform';
import { Clock } from '@sagamore/runtime';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  Post,
  UseGuards,
  type BeforeApplicationShutdown,
} from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { BulkJob, type BulkProgress } from './bulk.js';
import { bulkBody, type BulkBody } from './operator.requests.js';
import { OperatorService } from './operator.service.js';

/** Jobs that this process remembers; the oldest that has ended is forgotten first. */
const jobsMax = 100;

@ApiTags('bulk')
@Controller('bulk')
@UseGuards(OperatorGuard)
export class BulkController implements BeforeApplicationShutdown {
  private readonly jobs = new Map<string, BulkJob>();

  constructor(
    private readonly operator: OperatorService,
    private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(202)
  begin(@Body({ schema: bulkBody }) body: BulkBody): { readonly bulkId: string } & BulkProgress {
    const { action, filter, perSecond, reason } = body;
    if (!this.makeRoom()) {
      throw new ProblemException(429, 'BULK_JOBS_FULL', { detail: 'too many bulk jobs are running here' });
    }
    const wanted = { type: action === 'cancel' ? 'cancel-requested' : 'operator-resumed' } as const;
    const { status, definition } = filter;
    const chosen = {
      ...(status !== undefined && { status }),
      ...(definition !== undefined && { definition }),
    };
    const job = new BulkJob(
      {
        clock: this.clock,
        list: (query) => this.operator.find(query),
        wish: (transactionId) => this.operator.wish({ transactionId, wanted, reason }),
      },
      { filter: chosen, perSecond },
    );
    const bulkId = randomUUID();
    this.jobs.set(bulkId, job);
    void job.run();
    return { bulkId, ...job.progress };
  }

  @Get(':bulkId')
  follow(@Param('bulkId') bulkId: string): BulkProgress {
    return this.existing(bulkId).progress;
  }

  /** What was asked stays asked. */
  @Post(':bulkId/stop')
  @HttpCode(200)
  stop(@Param('bulkId') bulkId: string): BulkProgress {
    const job = this.existing(bulkId);
    job.stop();
    return job.progress;
  }

  beforeApplicationShutdown(): void {
    for (const job of this.jobs.values()) job.stop();
  }

  private existing(bulkId: string): BulkJob {
    const job = this.jobs.get(bulkId);
    if (job === undefined)
      throw new ProblemException(404, 'BULK_JOB_UNKNOWN', { detail: 'this process knows no such job' });
    return job;
  }

  private makeRoom(): boolean {
    if (this.jobs.size < jobsMax) return true;
    const ended = [...this.jobs].find(([, { progress }]) => progress.status !== 'running');
    if (ended !== undefined) this.jobs.delete(ended[0]);
    return ended !== undefined;
  }
}
