/**
 * Time as OpenTelemetry writes it.
 */
import type { HrTime } from '@opentelemetry/api';

/** An instant or a length, ms, in whole seconds and nanoseconds. */
export function instant(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1_000_000)];
}
