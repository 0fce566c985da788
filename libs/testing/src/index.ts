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
export {
  describeBusContract,
  type BusContractOptions,
  type BusUnderTest,
  type OpenBus,
} from './bus.contract.js';
