/**
 * The outside world for demos and tests: a card network, a carrier, and desks for travel and billing that misbehave on
 * request, over real HTTP. It stands where the order's road leaves the house. It knows nothing of sagas and shares no code
 * with our services.
 */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CardNetwork, type CardNetworkSettings } from './card-network.js';
import { Carrier, type CarrierSettings } from './carrier.js';
import { Desk } from './desk.js';
import { billingOffers, travelOffers } from './desks.js';
import { createServer } from './routes.js';

export type { CardNetworkSettings, CarrierSettings };

export interface SimulatorsOptions {
  /** The address to listen on. Default: loopback. */
  readonly host?: string;
  /** Default 0: one that is free. */
  readonly port?: number;
  readonly cardNetwork?: CardNetworkSettings;
  readonly carrier?: CarrierSettings;
  /** Where the ledgers are kept, so that they outlive this process; created when missing. Default: memory alone. */
  readonly directory?: string;
}

export interface Simulators {
  /** Without a slash at its end. */
  readonly url: string;
  /** Ends every connection and every slow call, undecided; what was answered stays in the ledgers. */
  stop(): Promise<void>;
}

/** Starts all providers on one port and resolves once they answer. Whatever was answered is in the ledgers, also after
 *  `kill -9`. One process at a time may use a directory. Rejects when the port is taken or a ledger does not read. */
export async function startSimulators(options: SimulatorsOptions = {}): Promise<Simulators> {
  const stopping = new AbortController();
  const pause = (ms: number): Promise<void> => wait(ms, undefined, { signal: stopping.signal });
  const fileOf = (name: string): string | undefined =>
    options.directory && join(options.directory, `${name}.jsonl`);
  const cardNetwork = new CardNetwork({
    settings: options.cardNetwork ?? {},
    file: fileOf('card-network'),
    pause,
  });
  const carrier = new Carrier({ settings: options.carrier ?? {}, file: fileOf('carrier'), pause });
  const desks = {
    travel: new Desk(travelOffers, { file: fileOf('travel'), pause }),
    billing: new Desk(billingOffers, { file: fileOf('billing'), pause }),
  };
  const server = createServer({ cardNetwork, carrier, desks });
  const url = await server.listen({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 });
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopping.abort();
    await server.close();
    cardNetwork.close();
    carrier.close();
    for (const desk of Object.values(desks)) desk.close();
  };
  return { url, stop: () => (stopped ??= stop()) };
}
