/**
 * Where Prometheus asks after the numbers of the process. For operators alone: names of definitions, topics and providers
 * are nobody else's business (R29, B88).
 */
import { Controller, Get, Header, Inject, UseGuards } from '@nestjs/common';
import { MetricRegistry, prometheusMediaType, prometheusText } from '@sagamore/telemetry';
import { OperatorGuard } from '../http/operator.guard.js';

/** `GET /metrics`, in Prometheus's text format. */
@Controller('metrics')
@UseGuards(OperatorGuard)
export class MetricsController {
  constructor(@Inject(MetricRegistry) private readonly registry: MetricRegistry) {}

  @Get()
  @Header('content-type', prometheusMediaType)
  @Header('cache-control', 'no-store')
  metrics(): Promise<string> {
    return prometheusText(this.registry);
  }
}
