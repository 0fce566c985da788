/**
 * Goal: the Kafka bus keeps the contract that every bus keeps.
 * Method: the suite of libs/testing against a real broker, each test in topics of its own.
 */
import { describeBusContract } from '@sagamore/testing';
import { describeWithBroker } from '../../../test/support/kafka.js';
import { KafkaBus } from './kafka-bus.js';

describeWithBroker('on a real broker', (brokers) => {
  const open = () => {
    const bus = new KafkaBus({ brokers: [brokers()], clientId: 'contract' });
    return Promise.resolve({ bus, close: () => Promise.resolve() });
  };
  describeBusContract('the Kafka bus', open, { redelivers: true });
});
