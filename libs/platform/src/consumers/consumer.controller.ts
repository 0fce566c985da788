/**
 * The operators' door to what a process reads: a topic is paused for one consumer, and resumed, by a person with a reason. Both
 * are saved in the service's own database and obeyed by all its processes; both leave a line in the log (I41).
 */
import type { ConsumerName } from '@sagamore/runtime';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Service } from '../host.js';
import { OperatorGuard } from '../http/operator.guard.js';
import { ProblemException } from '../http/problem.js';
import { ConsumerRegistry, type ServiceConsumer } from './consumer.registry.js';

const wishBody = z.strictObject({ reason: z.string().trim().min(1).max(500) });

const consumerView = z.object({
  service: z.string(),
  topic: z.string(),
  group: z.string(),
  status: z.enum(['running', 'paused']),
  /** Of the operator's pause that stands: since when on the store's clock, by whom and why. */
  since: z.string().nullable(),
  by: z.string().nullable(),
  reason: z.string().nullable(),
  /** Messages that wait for this process, as far as it knows. */
  lag: z.number().nullable(),
  /** Whether it is at work in this process, paused or not; null where only the pause is known. */
  healthy: z.boolean().nullable(),
});

const consumerList = z.object({ items: z.array(consumerView) });

type View = z.infer<typeof consumerView>;
type Wish = z.infer<typeof wishBody>;

@ApiTags('consumers')
@Controller('consumers')
@UseGuards(OperatorGuard)
export class ConsumerController {
  constructor(
    @Inject(ConsumerRegistry) private readonly registry: ConsumerRegistry,
    @Inject(Service) private readonly service: Service,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'What the services of this process read, and what of it is paused, as this process sees it',
  })
  @ApiOkResponse({ standardSchema: consumerList })
  list(): z.infer<typeof consumerList> {
    return { items: this.registry.list().map(viewOf) };
  }

  /** Saved and obeyed here once it answers; a pause that stands stays as it was first asked for. */
  @Post(':topic/:group/pause')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Hands the topic to the group no more, in all processes, until it is resumed. Idempotent',
  })
  @ApiOkResponse({ standardSchema: consumerView })
  async pause(
    @Param('topic') topic: string,
    @Param('group') group: string,
    @Body({ schema: wishBody }) { reason }: Wish,
  ): Promise<View> {
    const { service, consumers } = this.found({ topic, group });
    const pause = await consumers.pause({ topic, group, reason, actor: this.actor });
    this.tell('an operator has paused a consumer', {
      service,
      topic,
      group,
      reason,
      since: instant(pause.since),
    });
    return this.shown(service, { topic, group });
  }

  /** What waited follows in its order. */
  @Post(':topic/:group/resume')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Hands the topic to the group again, from where it stood, in all processes. Idempotent',
  })
  @ApiOkResponse({ standardSchema: consumerView })
  async resume(
    @Param('topic') topic: string,
    @Param('group') group: string,
    @Body({ schema: wishBody }) { reason }: Wish,
  ): Promise<View> {
    const { service, consumers } = this.found({ topic, group });
    const ended = await consumers.resume({ topic, group, reason, actor: this.actor });
    const was = ended && { pausedBy: ended.actor, pausedFor: ended.reason, since: instant(ended.since) };
    this.tell('an operator has resumed a consumer', { service, topic, group, reason, ...was });
    return this.shown(service, { topic, group });
  }

  private found(name: ConsumerName): NonNullable<ReturnType<ConsumerRegistry['of']>> {
    const found = this.registry.of(name);
    if (found !== undefined) return found;
    throw new ProblemException(404, 'CONSUMER_UNKNOWN', {
      detail: 'no service of this process reads this topic as this group; GET /consumers lists what there is',
    });
  }

  /** A pause that nobody here obeyed is gone once it has ended. */
  private shown(service: string, name: ConsumerName): View {
    const view = this.registry.of(name)?.consumers.find(name) ?? { ...name, status: 'running' };
    return viewOf({ service, ...view });
  }

  private get actor(): string {
    return this.service.config.operatorName;
  }

  private tell(what: string, fields: Readonly<Record<string, string>>): void {
    this.service.log.info(what, { ...fields, actor: this.actor });
  }
}

function viewOf({ service, topic, group, status, pause, member }: ServiceConsumer): View {
  return {
    service,
    topic,
    group,
    status,
    since: pause === undefined ? null : instant(pause.since),
    by: pause?.actor ?? null,
    reason: pause?.reason ?? null,
    lag: member?.lag ?? null,
    healthy: member?.isHealthy ?? null,
  };
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
