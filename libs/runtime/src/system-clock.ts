/**
 * The host's own time, for waiting. It must never decide anything durable: that is the store's clock's part (R15).
 */
import { Clock } from './ports.js';

/** Monotonic ms of this process. Timers alone never keep the process alive; they may fire late, never early. */
export class SystemClock extends Clock {
  override now(): number {
    return performance.now();
  }

  override after(ms: number, callback: () => void): () => void {
    const timer = setTimeout(callback, Math.max(0, ms));
    timer.unref();
    return () => clearTimeout(timer);
  }
}
