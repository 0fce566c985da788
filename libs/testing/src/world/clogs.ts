/**
 * Carries out the clogs of a plan: cuts a link of whoever plays a role at that instant, and mends it again. A process that
 * cannot be heard is taken for dead, so half the time another one is started beside it.
 */
import type { Faults } from './faults.js';
import type { Host, WorldBase } from './host.js';

export interface ClogWorld extends WorldBase {
  readonly faults: Faults;
  /** Who plays that role now and is up. */
  hostOf(role: string): Host | undefined;
  /** Starts another process in that role. */
  replace(role: string): void;
}

/** Sets the timers of all clogs. Those that are set when the world is healed are mended by its healing. */
export function scheduleClogs(world: ClogWorld): void {
  const { clock, faults } = world;
  for (const { kind, role, link, fromMs, toMs } of faults.plan.clogs) {
    clock.after(fromMs, () => {
      const host = world.hostOf(role);
      if (host === undefined || faults.healed) return;
      faults.note(kind, `${host.name} is cut off: ${link}, for ${toMs - fromMs} ms`);
      if (link === 'process') host.pause();
      else host.cut(link);
      if ((link === 'process' || link === 'broker') && faults.ms(0, 1) === 1) world.replace(role);
      clock.after(toMs - fromMs, () => (link === 'process' ? host.resume() : host.mend(link)));
    });
  }
}
