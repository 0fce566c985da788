/**
 * Where a scheduler asks after the process: alive at all, and ready for work.
 * One controller a process, whatever services it holds. Readiness names what is missing, in words fit for strangers.
 */
import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { HealthChecks, type Readiness } from './health.js';

/** `GET /health/live` and `GET /health/ready`. */
@Controller('health')
export class HealthController {
  constructor(@Inject(HealthChecks) private readonly checks: HealthChecks) {}

  /** 200 for as long as the process answers: only a restart could help if it does not. */
  @Get('live')
  live(): { readonly status: 'alive' } {
    return { status: 'alive' };
  }

  /** 200 when every check is up, else 503: from a stop's beginning on nothing new should be sent here (I40). */
  @Get('ready')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const readiness = await this.checks.readiness();
    reply.code(readiness.status === 'ready' ? 200 : 503);
    return readiness;
  }
}
