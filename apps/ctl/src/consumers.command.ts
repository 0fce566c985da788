/**
 * `sagamore consumers`: what the services of a process read, and the operator's word that pauses a topic for one of them and
 * resumes it, over REST: list, pause, resume.
 */
import type { Command } from 'commander';
import { Rest, withDoor, type DoorFlags } from './rest.js';
import type { Terminal } from './terminal.js';

/** A consumer, as the API shows it. */
interface Consumer {
  readonly service: string;
  readonly topic: string;
  readonly group: string;
  readonly status: string;
  readonly since: string | null;
  readonly by: string | null;
  readonly reason: string | null;
  readonly lag: number | null;
  readonly healthy: boolean | null;
}

interface WishFlags extends DoorFlags {
  readonly reason: string;
}

const whom = { name: 'service', url: 'http://127.0.0.1:3000' };

/** Adds the commands to the program. Each ends with 0, or throws a `Complaint`. */
export function addConsumers(sagamore: Command, terminal: Terminal): void {
  const consumers = sagamore
    .command('consumers')
    .description('which topics the services of a process read, and which of them are paused');
  withDoor(consumers.command('list'), whom)
    .description('each topic with its group; lag and health are of the process that answers')
    .action((flags: DoorFlags) => list(flags, terminal));
  for (const what of ['pause', 'resume'] as const)
    withDoor(consumers.command(what), whom)
      .description(
        what === 'pause'
          ? 'hands a topic to a group no more, in all processes of its service, until it is resumed'
          : 'hands it over again, from where it stood',
      )
      .argument('<topic>')
      .argument('<group>')
      .requiredOption('--reason <text>', 'why; kept in the audit')
      .action((topic: string, group: string, flags: WishFlags) =>
        wish(what, { topic, group }, flags, terminal),
      );
}

function restOf(door: DoorFlags): Rest {
  return new Rest(door, {
    name: whom.name,
    lookAgain: 'If it is there, it may have heard: to say it again does no harm',
  });
}

async function list(flags: DoorFlags, terminal: Terminal): Promise<void> {
  const page = await restOf(flags).ask<{ readonly items: readonly Consumer[] }>('GET', '/consumers');
  if (flags.json === true) return terminal.line(JSON.stringify(page, null, 2));
  terminal.table(
    [
      { head: 'service' },
      { head: 'topic' },
      { head: 'group' },
      { head: 'status' },
      { head: 'lag', align: 'right' },
      { head: 'since' },
      { head: 'by' },
      { head: 'why' },
    ],
    page.items.map(({ service, topic, group, lag, since, by, reason, ...consumer }) => [
      service,
      topic,
      group,
      standing(consumer),
      lag === null ? '' : String(lag),
      since ?? '',
      by ?? '',
      reason ?? '',
    ]),
  );
}

async function wish(
  what: 'pause' | 'resume',
  { topic, group }: { readonly topic: string; readonly group: string },
  flags: WishFlags,
  terminal: Terminal,
): Promise<void> {
  const path = `/consumers/${encodeURIComponent(topic)}/${encodeURIComponent(group)}/${what}`;
  const consumer = await restOf(flags).ask<Consumer>('POST', path, { reason: flags.reason });
  if (flags.json === true) return terminal.line(JSON.stringify(consumer, null, 2));
  const { by, since, reason } = consumer;
  const who = by === null ? '' : ` since ${since} by ${by}: ${reason}`;
  terminal.line(
    `${terminal.colours.green('✔')} ${topic} is ${standing(consumer)} for ${group}${who}; its other processes follow within seconds`,
  );
}

/** One whose consumer has died stands still, whatever was said. */
function standing({ status, healthy }: Pick<Consumer, 'status' | 'healthy'>): string {
  if (healthy === null) return `${status}, not read here`;
  return healthy ? status : `${status}, dead`;
}
