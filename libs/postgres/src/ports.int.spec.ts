/**
 * Goal: the Postgres adapters keep what the ports promise. Method: the contract suites that every technology passes,
 * over a fresh database for each test on a throwaway server.
 */
import { afterAll, jest } from '@jest/globals';
import { openPostgresPorts } from '../../../test/support/postgres-ports.js';
import { testPostgres } from '../../../test/support/postgres.js';
import { describePortsContract } from '@sagamore/testing';

jest.setTimeout(30_000);

afterAll(async () => (await testPostgres()).stop());

describePortsContract('Postgres', () => openPostgresPorts());
