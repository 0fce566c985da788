/**
 * Brings a database to the schema its code expects, BEFORE the first order is taken.
 * Instances that start together wait for each other here; none may work on a schema that is half there.
 */
import type { DataSource, MigrationInterface } from 'typeorm';
import { toFault } from '../faults.js';
import { CreateBarrier1764000000002 } from './barrier.migration.js';
import { AddChildren1764000000010 } from './children.migration.js';
import { CreateConsumerPause1764000000071 } from './consumer-pause.migration.js';
import { IndexClaimsByEnd1764000000082 } from './claim-index.migration.js';
import { AddDueTime1764000000021 } from './due-time.migration.js';
import { CreateTombstone1764000000022 } from './retention.migration.js';
import { CreateSchedule1764000000023 } from './schedule.migration.js';
import { IndexRareEnds1764000000024 } from './rare-ends.migration.js';
import { CreateJournal1764000000003 } from './journal.migration.js';
import { CreateSemanticLock1764000000031 } from './lock.migration.js';
import { CreateDeadLetter1764000000061 } from './letter.migration.js';
import { CreateLateReply1764000000041 } from './late-reply.migration.js';
import { CreateOutbox1764000000001 } from './outbox.migration.js';
import { AddPrecedence1764000000052 } from './precedence.migration.js';
import { SeatIntents1764000000081 } from './seated-intent.migration.js';
import { CreateBreakerTrial1764000000051 } from './trial.migration.js';
import { WidenWishes1764000000030 } from './wish.migration.js';

/** What every service needs: barrier, intents, outbox, the pauses of its consumers. */
export const platformMigrations: readonly (new () => MigrationInterface)[] = [
  CreateOutbox1764000000001,
  CreateBarrier1764000000002,
  CreateConsumerPause1764000000071,
  SeatIntents1764000000081,
  IndexClaimsByEnd1764000000082,
];

/** What the orchestrator needs: outbox, transactions, journal, shards, leases, audit, semantic locks, late replies. */
export const orchestratorMigrations: readonly (new () => MigrationInterface)[] = [
  CreateOutbox1764000000001,
  CreateJournal1764000000003,
  AddChildren1764000000010,
  AddDueTime1764000000021,
  WidenWishes1764000000030,
  CreateSemanticLock1764000000031,
  CreateTombstone1764000000022,
  CreateLateReply1764000000041,
  CreateSchedule1764000000023,
  IndexRareEnds1764000000024,
  CreateBreakerTrial1764000000051,
  AddPrecedence1764000000052,
  CreateDeadLetter1764000000061,
];

/** Any number, the same in every version of this code. */
const lockKey = 7_126_404_215;

/** Runs the migrations of `dataSource` that have not run yet, each in its own transaction. Safe when several
 *  instances start together: one works, the others wait and find nothing left. Throws a `Fault`. */
export async function runMigrations(dataSource: DataSource): Promise<void> {
  const guard = dataSource.createQueryRunner();
  try {
    await guard.query('select set_config($1, $2, false)', ['lock_timeout', '0']);
    await guard.query('select pg_advisory_lock($1)', [lockKey]);
    await dataSource.runMigrations({ transaction: 'each' });
  } catch (error) {
    throw toFault(error, 'run the migrations');
  } finally {
    await unlock(guard);
  }
}

/** The lock belongs to the session: a connection that cannot be cleaned must not go back to the pool. */
async function unlock(guard: ReturnType<DataSource['createQueryRunner']>): Promise<void> {
  try {
    await guard.query('select pg_advisory_unlock_all()');
    await guard.query('reset lock_timeout');
  } finally {
    await guard.release();
  }
}
