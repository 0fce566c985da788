/**
 * The settings of the local broker, as the text of its property files. Pure: nothing here touches the disk.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

export interface BrokerPorts {
  readonly client: number;
  readonly controller: number;
  readonly doors?: readonly Door[];
}

/** One more way in: the broker listens on `port` and tells its clients to come to `advertised`, where a proxy stands. */
export interface Door {
  readonly name: string;
  readonly port: number;
  readonly advertised: number;
}

/** Broker and controller in one process, everything bound to loopback, topics only where somebody asked for them; `more` goes
 *  beside and before our settings. */
export function serverProperties(
  directory: string,
  { client, controller, doors = [] }: BrokerPorts,
  more: Readonly<Record<string, string>> = {},
): string {
  const clients = [{ name: 'CLIENT', port: client, advertised: client }, ...doors.map(asListener)];
  const inner = { name: 'CONTROLLER', port: controller };
  return lines({
    'process.roles': 'broker,controller',
    'node.id': 1,
    listeners: [...clients, inner].map(({ name, port }) => `${name}://127.0.0.1:${port}`).join(','),
    'advertised.listeners': clients
      .map(({ name, advertised }) => `${name}://127.0.0.1:${advertised}`)
      .join(','),
    'listener.security.protocol.map': [...clients, inner].map(({ name }) => `${name}:PLAINTEXT`).join(','),
    'inter.broker.listener.name': 'CLIENT',
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    'log.dirs': join(directory, 'data'),
    'auto.create.topics.enable': false,
    // One node can hold one replica of anything.
    'default.replication.factor': 1,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'offsets.topic.num.partitions': 4,
    // A group of one starts at once; tests may use sessions shorter than production's 6 s.
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'log.index.size.max.bytes': 1_048_576,
    ...more,
  });
}

function asListener({ name, ...ports }: Door): Door {
  return { name: `DOOR_${name.toUpperCase().replaceAll('-', '_')}`, ...ports };
}

/** Warnings to the standard output; without a configuration the broker would be mute. */
export const loggingProperties = lines({
  'appender.console.type': 'Console',
  'appender.console.name': 'console',
  'appender.console.layout.type': 'PatternLayout',
  'appender.console.layout.pattern': '%d %p %c{1} %m%n',
  'rootLogger.level': 'warn',
  'rootLogger.appenderRef.console.ref': 'console',
});

/** A fresh cluster id in Kafka's form. It may not begin with a dash, which the command line would read as an option. */
export function clusterId(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'A');
}

function lines(properties: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
