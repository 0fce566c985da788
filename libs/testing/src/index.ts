// One contract, every adapter
export {
  describeBarrierContract,
  describeDatabaseContract,
  describeIntentsContract,
  describeJournalContract,
  describeOutboxContract,
  describePortsContract,
  type OpenPorts,
  type PortsUnderTest,
} from './ports.contract.js';
