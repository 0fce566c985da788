/**
 * Goal: who may operate (R29). Method: the guard before requests that carry an address and headers, and nothing else.
 */
import { describe, expect, test } from '@jest/globals';
import { ExecutionContextHost } from '@nestjs/core/internal';
import { readConfig } from '../config.js';
import { silentLog } from '../log.js';
import { OperatorGuard } from './operator.guard.js';
import { ProblemException } from './problem.js';

const token = 'a-token-of-some-length';

function isLetIn(
  setting: { token?: string },
  address: string | undefined,
  authorization: readonly string[] = [],
): boolean {
  const config = readConfig(setting.token === undefined ? {} : { OPERATOR_TOKEN: setting.token });
  const guard = new OperatorGuard({ name: 'orchestrator', instance: 'a', log: silentLog, config });
  const headersDistinct = authorization.length === 0 ? {} : { authorization };
  const request = { raw: { socket: { remoteAddress: address }, headersDistinct } };
  try {
    return guard.canActivate(new ExecutionContextHost([request]));
  } catch (error) {
    if (error instanceof ProblemException && error.getStatus() === 401) return false;
    throw error;
  }
}

describe('without a token set', () => {
  test.each(['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])('R29: %s is let in', (address) => {
    expect(isLetIn({}, address)).toBe(true);
  });

  test.each(['10.0.0.1', '192.0.2.7', '::ffff:10.0.0.1', '2001:db8::1', '', undefined])(
    'R29: %s is not, whatever it shows',
    (address) => {
      expect(isLetIn({}, address)).toBe(false);
      expect(isLetIn({}, address, [`Bearer ${token}`])).toBe(false);
    },
  );
});

describe('with a token set', () => {
  test.each(['127.0.0.1', '10.0.0.1'])('R29: its holder is let in from %s', (address) => {
    expect(isLetIn({ token }, address, [`Bearer ${token}`])).toBe(true);
    expect(isLetIn({ token }, address, [`bearer ${token}`])).toBe(true);
  });

  test.each([
    [[]],
    [['Bearer ']],
    [[`Bearer ${token}x`]],
    [[`Bearer ${token.slice(0, -1)}`]],
    [[`Bearer ${token.toUpperCase()}`]],
    [[token]],
    [[`Basic ${token}`]],
    [[`Bearer ${'x'.repeat(64_000)}`]],
    [[`Bearer ${token}`, `Bearer ${token}`]],
  ])('R29: nobody else is, not even from this machine: %j', (authorization) => {
    expect(isLetIn({ token }, '127.0.0.1', authorization)).toBe(false);
  });
});
