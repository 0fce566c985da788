/**
 * What a process says of itself, whatever services it holds: how late its event loop is, and what of its traces was lost.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics, Reading, Tracing } from '@sagamore/telemetry';

/** How long the delays are gathered before they are forgotten, ms; two scrapers must not take them from each other. */
const windowMs = 10_000;
const sampleMs = 20;
const quantiles = [0.5, 0.99, 1];

/** Begins to watch; the answer ends it. */
export function watchProcess(metrics: Metrics, tracing: Tracing): () => void {
  if (!metrics.isOn) return () => {};
  metrics.watch('spansDropped', () => [{ labels: {}, value: tracing.dropped }]);
  const delays = monitorEventLoopDelay({ resolution: sampleMs });
  let past = delayReadings(delays);
  delays.enable();
  const turn = setInterval(() => {
    past = delayReadings(delays);
    delays.reset();
  }, windowMs).unref();
  metrics.watch('eventLoopDelay', () => {
    // What is worse of this window and the one before: a stall must be seen by whoever looks next.
    return delayReadings(delays).map((now, index) => worse(now, past[index]));
  });
  return () => {
    clearInterval(turn);
    delays.disable();
  };
}

type Delays = Pick<ReturnType<typeof monitorEventLoopDelay>, 'count' | 'max' | 'percentile'>;

function delayReadings(delays: Delays): readonly Reading<'eventLoopDelay'>[] {
  return quantiles.map((quantile) => {
    const nanoseconds = quantile === 1 ? delays.max : delays.percentile(quantile * 100);
    // The histogram holds the whole distance between two samples; what is beyond it is delay.
    const value = delays.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - sampleMs / 1_000);
    return { labels: { quantile: String(quantile) }, value };
  });
}

function worse(
  now: Reading<'eventLoopDelay'>,
  past: Reading<'eventLoopDelay'> | undefined,
): Reading<'eventLoopDelay'> {
  return past !== undefined && past.value > now.value ? past : now;
}
