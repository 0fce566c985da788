/**
 * The coordinator and every participant in one process that kills itself at a chosen point of two-phase commit, as `kill -9`
 * would: nothing is closed, nothing is told. The point is a message: what it says is durable, and nobody hears of it.
 * Only tests start it; the databases and the outside world live elsewhere, and live on.
 */
import { MemoryBus } from '@sagamore/memory';
import { readConfig, start } from '@sagamore/platform';
import { SystemClock, type Message } from '@sagamore/runtime';
import { LocalModule } from '../../apps/local/src/local.module.js';

/** Which message of two-phase commit is the last word of this process, and the how many-th of its kind. */
interface Point {
  readonly isOf: (message: Message) => boolean;
  readonly count: number;
}

function half(message: Message): unknown {
  const { data } = message;
  return typeof data === 'object' && data !== null && 'operation' in data ? data.operation : undefined;
}

const isReplyTo = (asked: string) => (message: Message) =>
  half(message) === asked && message.type.endsWith('.succeeded');

/** A vote is prepared, and a commit done, BEFORE its reply; a decision is journaled BEFORE its first command. */
const points: Readonly<Record<string, Point>> = {
  'first-prepared': { isOf: isReplyTo('prepare'), count: 1 },
  'all-prepared': { isOf: isReplyTo('prepare'), count: 4 },
  decided: {
    isOf: (message) => half(message) === 'commit' && !message.type.endsWith('.succeeded'),
    count: 1,
  },
  'first-committed': { isOf: isReplyTo('commit'), count: 1 },
};

class MortalBus extends MemoryBus {
  private left: number;

  constructor(private readonly point: Point | undefined) {
    super({ clock: new SystemClock() });
    this.left = point?.count ?? 0;
  }

  override async send(messages: readonly Message[]): Promise<void> {
    for (const message of messages) {
      if (this.point?.isOf(message) === true && --this.left === 0) process.kill(process.pid, 'SIGKILL');
    }
    await super.send(messages);
  }
}

const { url } = await start({
  service: 'local',
  module: (host) => LocalModule.forRoot(host),
  config: readConfig(process.env),
  bus: new MortalBus(points[process.env['KILL_AT'] ?? '']),
  port: 0,
});
process.stdout.write(`ready ${url}\n`);
