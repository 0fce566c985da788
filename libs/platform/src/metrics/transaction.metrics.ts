/**
 * What a batch of saved decisions means in numbers: told by the coordinator AFTER the commit, once a batch, so that what
 * was rolled back is never counted. A takeover counts nothing twice, because only what is newly journaled comes by here.
 */
import { isAsking, partOf, type AskingCommand, type Half } from '@sagamore/engine';
import type { Coordinator, Journal, Saved, StoredLateReply, Stray } from '@sagamore/runtime';
import type { Metrics, Reading } from '@sagamore/telemetry';

/** Askings whose instant is remembered; beyond it the oldest is forgotten, which costs one reading of a latency. */
const askingsMax = 100_000;

export class TransactionMetrics {
  private readonly askedAt = new Map<string, number>();

  constructor(private readonly metrics: Metrics) {}

  /** `at`: the instant of the commit, ms of the store's clock. */
  onSaved(saved: readonly Saved[], at: number): void {
    for (const each of saved) {
      if (each.before === undefined) this.metrics.add('transactionsStarted', labelsOf(each));
      this.answers(each, at);
      for (const command of each.commands) if (isAsking(command)) this.asking(each, command, at);
      this.rest(each, at);
    }
  }

  onLateReply({ meaning }: Pick<StoredLateReply, 'meaning'>): void {
    this.metrics.add('lateReplies', { meaning });
  }

  onStray({ finding }: Pick<Stray, 'finding'>): void {
    this.metrics.add('strays', { finding });
  }

  onBug(): void {
    this.metrics.add('bugs', {});
  }

  /** Watches what is held. Parked ones are counted by the owner of their shard, so that a sum over all processes has each
   *  of them once. */
  watch(
    coordinator: Pick<Coordinator, 'holding'>,
    { journal, shards }: { readonly journal: Pick<Journal, 'countParked'>; readonly shards: number },
  ): void {
    this.metrics.watch('shards', () => [{ labels: {}, value: shards }]);
    this.metrics.watch('transactionsInMemory', () => [
      { labels: {}, value: coordinator.holding.transactions },
    ]);
    this.metrics.watch('shardEpoch', () =>
      [...coordinator.holding.epochs].map(([shard, epoch]) => ({
        labels: { shard: String(shard) },
        value: epoch,
      })),
    );
    this.metrics.watch('transactionsParked', async () => {
      const parked = await journal.countParked(coordinator.holding.shards);
      return [...parked].map(([definition, value]): Reading<'transactionsParked'> => ({
        labels: { definition },
        value,
      }));
    });
  }

  private answers({ after: { record }, entries }: Saved, at: number): void {
    const { transactionId, definition } = record;
    for (const { event } of entries) {
      if (event.type !== 'replied' || event.reply.outcome === 'in-progress') continue;
      const { branchId, operation, reply } = event;
      const key = `${transactionId}/${branchId}/${operation}`;
      const askedAt = this.askedAt.get(key);
      if (askedAt === undefined) continue;
      this.askedAt.delete(key);
      const labels = { definition, step: stepOf(branchId), operation, outcome: reply.outcome };
      this.metrics.observe('stepDuration', labels, (at - askedAt) / 1_000);
    }
  }

  private asking({ after: { record } }: Saved, command: AskingCommand, at: number): void {
    const { transactionId, definition } = record;
    const { branchId, attempt } = command;
    const operation: Half | 'probe' = command.type === 'probe' ? 'probe' : command.operation;
    const labels = { definition, step: stepOf(branchId), operation };
    if (operation === 'probe' || attempt > 1) this.metrics.add('stepRetries', labels);
    if (operation === 'probe') return;
    if (attempt === 1 && partOf(operation) === 'undoes') this.metrics.add('stepUndos', labels);
    if (this.askedAt.size >= askingsMax) this.forgetOldest();
    this.askedAt.set(`${transactionId}/${branchId}/${operation}`, at);
  }

  private rest(saved: Saved, at: number): void {
    const { standing, commands, after } = saved;
    if (standing.phase === 'moving' || !commands.some(({ type }) => type === 'announce')) return;
    const labels = labelsOf(saved);
    if (standing.phase === 'parked')
      return this.metrics.add('transactionsParkings', { ...labels, reason: standing.reason?.kind ?? 'none' });
    const ended = { ...labels, outcome: standing.status };
    this.metrics.add('transactionsEnded', ended);
    this.metrics.observe('transactionDuration', ended, (at - after.record.startedAt) / 1_000);
  }

  private forgetOldest(): void {
    for (const key of this.askedAt.keys()) {
      this.askedAt.delete(key);
      return;
    }
  }
}

/** A pass of a loop is a branch of its own; passes are no bounded set (B110). */
function stepOf(branchId: string): string {
  const pass = branchId.indexOf('#');
  return pass < 0 ? branchId : branchId.slice(0, pass);
}

function labelsOf({ after: { record, protocol } }: Saved) {
  return { definition: record.definition, protocol: protocol.kind };
}
