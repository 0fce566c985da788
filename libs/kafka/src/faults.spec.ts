/**
 * Goal: every error of the client becomes the one fault that says whether another try helps.
 * Method: the client's own error classes, no broker.
 */
import { describe, expect, test } from '@jest/globals';
import { Fault } from '@sagamore/resilience';
import { KafkaJSConnectionError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } from 'kafkajs';
import { isMembershipLost, toFault, verdictOf } from './faults.js';

function protocolError(type: string, retriable = false): KafkaJSProtocolError {
  return new KafkaJSProtocolError(Object.assign(new Error(type), { type, code: 0, retriable }));
}

function exhausted(cause: Error): KafkaJSNumberOfRetriesExceeded {
  return new KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 3, retryTime: 100 });
}

describe('an error of the client', () => {
  test.each([
    ['MESSAGE_TOO_LARGE', 'DATA_REJECTED', false],
    ['INVALID_RECORD', 'DATA_REJECTED', false],
    ['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_INVALID', true],
    ['TOPIC_AUTHORIZATION_FAILED', 'CONFIGURATION_INVALID', false],
    ['SASL_AUTHENTICATION_FAILED', 'CONFIGURATION_INVALID', false],
    ['NOT_ENOUGH_REPLICAS', 'BROKER_UNAVAILABLE', true],
  ])('of type %s is a fault %s', (type, code, retryable) => {
    expect(toFault(protocolError(type), 'wanted it')).toMatchObject({ code, retryable });
    expect(toFault(exhausted(protocolError(type)), 'wanted it')).toMatchObject({ code, retryable });
  });

  test('keeps its cause, and a fault stays the fault it is', () => {
    const error = new KafkaJSConnectionError('refused', { broker: 'b', code: 'ECONNREFUSED' });
    expect(toFault(error, 'wanted a broker')).toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      retryable: true,
      cause: error,
    });
    const fault = new Fault('STOPPED', 'the bus has stopped', { retryable: false });
    expect(toFault(fault, 'wanted it')).toBe(fault);
  });

  test('that used up its tries lets the same request go again, and a lost count asks for a new producer', () => {
    expect(verdictOf(exhausted(new KafkaJSConnectionError('refused', { broker: 'b' })))).toBe('again');
    expect(verdictOf(protocolError('OUT_OF_ORDER_SEQUENCE_NUMBER'))).toBe('renew');
    expect(verdictOf(protocolError('MESSAGE_TOO_LARGE'))).toBe('rejected');
  });

  test('tells a lost membership from a broker that is away', () => {
    expect(isMembershipLost(protocolError('REBALANCE_IN_PROGRESS'))).toBe(true);
    expect(isMembershipLost(protocolError('UNKNOWN_MEMBER_ID'))).toBe(true);
    expect(isMembershipLost(new KafkaJSConnectionError('refused', { broker: 'b' }))).toBe(false);
  });
});
