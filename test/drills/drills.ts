/**
 * What each drill breaks, and what it teaches, told for somebody who meets Sagamore for the first time. A drill is data and
 * one act; placing orders, following them and the audit are the same for all of them.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { inject, type Victim } from '../chaos/injector.js';
import { repeatEverything } from './repeat.js';

/** What a drill is done to. */
export interface Scene extends Victim {
  /** The brokers, as `KAFKA_BROKERS` names them. */
  readonly brokers: string;
  readonly say: (text: string) => void;
}

export interface Drill {
  readonly title: string;
  /** What is broken, in a sentence. */
  readonly breaks: string;
  /** Why nothing is lost: the idea, not the code. */
  readonly because: string;
  /** What is true once the act is over, in a sentence. */
  readonly healed: string;
  /** Without links between processes and servers it cannot be done. */
  readonly needsLinks?: boolean;
  /** Resolves once what was broken is whole again, or is being started again by its supervisor. */
  act(scene: Scene): Promise<void>;
}

const never = new AbortController().signal;
/** Longer than a session of the consumer group, so that another takes over. */
const pauseMs = 10_000;
const partitionMs = 8_000;
const slowMs = 12_000;
const latencyMs = 2_500;

export const drills: Readonly<Record<string, Drill>> = {
  'broker-outage': {
    title: 'The message broker stops',
    breaks: 'Kafka is told to stop. No service can hear of another until it is back.',
    healed: 'It has been told; whoever keeps it running starts it again as soon as it has stopped.',
    because:
      'A message is published only after the database has kept what it says, so whatever was not sent is found again and sent late.',
    act: (scene) => inject({ kind: 'terminate', process: 'kafka' }, scene, never),
  },
  'kill-orchestrator': {
    title: 'An orchestrator dies',
    breaks: 'kill -9: no goodbye, and everything it had in memory is gone.',
    healed: 'It is dead; another takes over what it had, and whoever keeps it running starts it again.',
    because:
      'Every step stands in its journal. The next owner reads the journal and asks again for what has no answer; who was asked before repeats the answer.',
    act: (scene) => inject({ kind: 'kill', process: 'orchestrator' }, scene, never),
  },
  'pause-owner': {
    title: 'An owner stands still, and comes back believing that nothing has happened',
    breaks: `An orchestrator is frozen for ${pauseMs / 1_000} s, as a suspended machine would be, while another takes over its orders.`,
    healed: 'The frozen one goes on, as if nothing had happened.',
    because:
      'Taking over raises a number, the epoch. Whatever the old owner writes with its old number is refused by the database, so it cannot spoil what the new one did.',
    act: (scene) => inject({ kind: 'pause', process: 'orchestrator', ms: pauseMs }, scene, never),
  },
  'slow-payment': {
    title: 'The card network answers slowly',
    breaks: `For ${slowMs / 1_000} s every answer to payment comes ${latencyMs / 1_000} s later.`,
    healed: 'The card network answers at once again.',
    because:
      'A call to the outside holds nobody: it runs beside the others, under a limit of its own, and its key makes a repeat harmless.',
    needsLinks: true,
    act: (scene) => inject({ kind: 'slow', link: 'outside-payment', ms: slowMs, latencyMs }, scene, never),
  },
  'duplicate-everything': {
    title: 'Every message comes twice',
    breaks: 'All that was ever said on the broker is said once more, old and new, in its old order.',
    healed: 'Everything has been said again; now everybody has to hear it again.',
    because:
      'Each participant keeps a row for each step it was asked for, beside what the step did. Who is asked again reads the row and repeats its answer.',
    async act({ brokers, say }) {
      const repeated = await repeatEverything(brokers);
      for (const [topic, count] of Object.entries(repeated))
        if (count > 0) say(`${topic}: ${count} messages, again`);
    },
  },
  'partition-payment': {
    title: 'Payment is cut off',
    breaks: `For ${partitionMs / 1_000} s payment reaches neither the broker nor its database nor the card network.`,
    healed: 'Payment is connected again.',
    because:
      'Nobody guesses what became of a charge. It was promised in the database before it was asked for, and is asked for again under the same key.',
    needsLinks: true,
    async act({ links }) {
      if (links === undefined) throw new Error('payment has no links that could be cut');
      try {
        for (const kind of ['kafka', 'postgres', 'outside']) await links.cut(`${kind}-payment`);
        await pause(partitionMs);
      } finally {
        await links.heal();
      }
    },
  },
  'postgres-crash': {
    title: 'The databases crash',
    breaks: 'Postgres is stopped at once, as a power cut would do it: no checkpoint, every connection gone.',
    healed: 'They are down; whoever keeps them running starts them again, and each finds its commits.',
    because:
      'What was answered was committed before, and Postgres finds its commits again. Where a commit has no answer, it is looked up before anything else is done.',
    act: (scene) => inject({ kind: 'crash-postgres' }, scene, never),
  },
};
