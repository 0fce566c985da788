/**
 * The one face of the contract suites for the database ports (`Database`, `Barrier`, `Intents`, `Outbox`, `Journal`,
 * `Prepared`).
 * Each adapter calls them in a spec of its own ring; a promise that is not tested here binds no adapter.
 */
import { describeBarrierContract } from './ports/barrier.contract.js';
import { describeConsumerPausesContract } from './ports/consumer-pauses.contract.js';
import { describeDatabaseContract } from './ports/database.contract.js';
import { describeHistoryContract } from './ports/history.contract.js';
import { describeIntentsContract } from './ports/intents.contract.js';
import { describeLettersContract } from './ports/letters.contract.js';
import { describeJournalContract } from './ports/journal.contract.js';
import type { OpenPorts } from './ports/open.js';
import { describeOutboxContract } from './ports/outbox.contract.js';
import { describePreparedContract } from './ports/prepared.contract.js';

import { describeSchedulesContract } from './ports/schedules.contract.js';
import { describeTrialsContract } from './ports/trials.contract.js';

export type { OpenPorts, PortsUnderTest } from './ports/open.js';
export {
  describeBarrierContract,
  describeConsumerPausesContract,
  describeDatabaseContract,
  describeHistoryContract,
  describeIntentsContract,
  describeJournalContract,
  describeLettersContract,
  describeOutboxContract,
  describePreparedContract,
  describeSchedulesContract,
  describeTrialsContract,
};

/** Registers all suites for an adapter that keeps all the ports. */
export function describePortsContract(name: string, open: OpenPorts): void {
  describeDatabaseContract(name, open);
  describeBarrierContract(name, open);
  describeIntentsContract(name, open);
  describeOutboxContract(name, open);
  describeJournalContract(name, open);
  describePreparedContract(name, open);
  describeHistoryContract(name, open);
  describeSchedulesContract(name, open);
  describeTrialsContract(name, open);
  describeLettersContract(name, open);
  describeConsumerPausesContract(name, open);
}
