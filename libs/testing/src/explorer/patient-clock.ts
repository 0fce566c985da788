/**
 * The time of a process in an explored run. Where nothing happens for long, its short ticks come less often, as on a busy host:
 * a run that waits for time-outs of minutes then costs a tenth. Everything else comes to the ms.
 */
import { HostClock } from '../world/host-ports.js';
import type { Host } from '../world/host.js';

/** How far apart the ticks of an idle process are, ms. */
const lazyMs = 250;

export class PatientClock extends HostClock {
  constructor(
    host: Host,
    private readonly world: { readonly isIdle: boolean },
  ) {
    super(host);
  }

  override after(ms: number, callback: () => void): () => void {
    return super.after(this.world.isIdle ? Math.max(ms, lazyMs) : ms, callback);
  }
}
