/**
 * Goal: a process with several services starts in order, says when it is ready, serves, and drains when it stops.
 * Method: `start` on throwaway databases, a memory bus and a free port; commands by the bus, questions by HTTP.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { succeeded } from '@sagamore/engine';
import { MemoryBroker, MemoryBus } from '@sagamore/memory';
import { uuidv7 } from '@sagamore/primitives';
import {
  Bus,
  commandMessage,
  Database,
  inboxTopic,
  operation,
  OutboxRelay,
  SystemClock,
  type ActiveSubscription,
  type CommandOf,
  type Message,
  type ReplyOf,
  type Subscription,
} from '@sagamore/runtime';
import {
  Controller,
  Get,
  Post,
  Sse,
  UseGuards,
  type DynamicModule,
  type MessageEvent,
  type Type,
} from '@nestjs/common';
import pg from 'pg';
import { concat, NEVER, of, type Observable } from 'rxjs';
import { z } from 'zod';
import { testPostgres } from '../../../test/support/postgres.js';
import { start, type RunningApp } from './bootstrap.js';
import { readConfig } from './config.js';
import { Service, type Host } from './host.js';
import { OperatorGuard } from './http/operator.guard.js';
import { Handles, Participant } from './participant.decorators.js';
import { SagamoreModule } from './sagamore.module.js';

const count = operation('abacus.count', {
  input: z.object({ beads: z.int() }),
  output: z.object({ sum: z.int() }),
});
const knock = operation('door.knock', { input: z.object({}), output: z.object({ by: z.string() }) });

@Participant('abacus')
class Abacus {
  constructor(private readonly relay: OutboxRelay) {}

  @Handles(count)
  async count(
    { payload, transactionId }: CommandOf<typeof count>,
    tx: Parameters<OutboxRelay['append']>[0],
  ): Promise<ReplyOf<typeof count>> {
    const event = {
      id: transactionId,
      type: 'abacus.counted',
      source: 'abacus',
      topic: 'abacus.events',
      key: transactionId,
      occurredAt: 0,
      data: {},
    };
    await this.relay.append(tx, [event]);
    return succeeded({ sum: payload.beads });
  }
}

@Participant('door')
class Door {
  constructor(private readonly service: Service) {}

  @Handles(knock)
  async knock(): Promise<ReplyOf<typeof knock>> {
    return succeeded({ by: this.service.name });
  }
}

@Controller('door')
class DoorController {
  constructor(private readonly database: Database) {}

  @Get('time')
  time(): { readonly at: number } {
    return { at: this.database.now() };
  }

  /** A stream that begins and never ends. */
  @Sse('ajar')
  ajar(): Observable<MessageEvent> {
    return concat(of({ data: 'ajar' }), NEVER);
  }

  @Post('open')
  @UseGuards(OperatorGuard)
  open(): { readonly open: true } {
    return { open: true };
  }
}

class AbacusModule {}
class DoorModule {}
class BothModule {}

function both(host: Host): DynamicModule {
  const part = (module: Type, service: string, controllers: Type[]): DynamicModule => ({
    module,
    imports: [SagamoreModule.forService({ host, service })],
    controllers,
  });
  return {
    module: BothModule,
    imports: [part(AbacusModule, 'abacus', [Abacus]), part(DoorModule, 'door', [Door, DoorController])],
  };
}

let urls: Record<string, string>;
const running: RunningApp[] = [];

beforeAll(async () => {
  const postgres = await testPostgres();
  urls = {
    DATABASE_URL_ABACUS: await postgres.freshDatabase(),
    DATABASE_URL_DOOR: await postgres.freshDatabase(),
    LOG_LEVEL: 'silent',
    PORT: '0',
  };
}, 60_000);

afterEach(async () => {
  for (const app of running.splice(0)) await app.stop();
});

afterAll(async () => (await testPostgres()).stop());

/** A client one of whose consumers dies for good when told to. */
class FrailBus extends MemoryBus {
  isDead = false;

  override async subscribe(subscription: Subscription): Promise<ActiveSubscription> {
    const active = await super.subscribe(subscription);
    if (subscription.topic !== 'abacus.commands') return active;
    return { ...active, healthy: () => !this.isDead && active.healthy() };
  }
}

async function started(env: Record<string, string> = {}, broker = new MemoryBroker()): Promise<RunningApp> {
  const bus = new MemoryBus({ clock: new SystemClock(), broker });
  const app = await start({ service: 'both', module: both, config: readConfig({ ...urls, ...env }), bus });
  running.push(app);
  return app;
}

/** Resolves with the first `wanted` messages of a topic. */
async function heard(bus: Bus, topic: string, wanted: number): Promise<() => Promise<readonly Message[]>> {
  const messages: Message[] = [];
  const { promise, resolve } = Promise.withResolvers<readonly Message[]>();
  await bus.subscribe({
    topic,
    group: 'test',
    handle: async (batch) => {
      messages.push(...batch.map(({ message }) => message));
      if (messages.length >= wanted) resolve(messages);
    },
  });
  return () => promise;
}

function command(participant: string, messageType: string, payload: unknown): Message {
  const send = {
    type: 'send',
    participant,
    messageType,
    branchId: 'b',
    operation: 'action',
    generation: 1,
    attempt: 1,
    payload,
  } as const;
  return commandMessage(send, {
    transactionId: uuidv7(Date.now()),
    replyTo: { topic: inboxTopic, partition: 0 },
    at: 0,
  });
}

describe('a process with two services', () => {
  test('is ready, and names every part it looked at', async () => {
    const { url } = await started();
    const response = await fetch(`${url}/health/ready`);
    expect(response.status).toBe(200);
    const names = ['database', 'consumers', 'broker', 'outbox'].flatMap((part) => [
      `abacus ${part}`,
      `door ${part}`,
    ]);
    const expected = names.map((name) => ({ name, status: 'up' }));
    expect(await response.json()).toEqual({ status: 'ready', checks: expect.arrayContaining(expected) });
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
  });

  test('S59: a consumer that crashed for good makes readiness red and is named; the process itself lives', async () => {
    const bus = new FrailBus({ clock: new SystemClock() });
    const app = await start({ service: 'both', module: both, config: readConfig(urls), bus });
    running.push(app);
    expect((await fetch(`${app.url}/health/ready`)).status).toBe(200);
    bus.isDead = true;
    const response = await fetch(`${app.url}/health/ready`);
    expect(response.status).toBe(503);
    const { checks } = z
      .object({ checks: z.array(z.object({ name: z.string(), status: z.string() })) })
      .parse(await response.json());
    expect(checks.filter(({ status }) => status === 'down').map(({ name }) => name)).toEqual([
      'abacus consumers',
    ]);
    expect((await fetch(`${app.url}/health/live`)).status).toBe(200);
  });

  test('has each service answer its own commands, and publishes what was appended with the transaction', async () => {
    const { host } = await started();
    const replies = await heard(host.bus, inboxTopic, 2);
    const events = await heard(host.bus, 'abacus.events', 1);
    await host.bus.send([command('abacus', 'abacus.count', { beads: 3 }), command('door', 'door.knock', {})]);
    const answered = (await replies()).map(({ source, type, data }) => ({ source, type, data }));
    expect(answered).toContainEqual({
      source: 'abacus',
      type: 'abacus.count.succeeded',
      data: expect.objectContaining({ reply: succeeded({ sum: 3 }) }),
    });
    expect(answered).toContainEqual({
      source: 'door',
      type: 'door.knock.succeeded',
      data: expect.objectContaining({ reply: succeeded({ by: 'door' }) }),
    });
    expect((await events())[0]?.type).toBe('abacus.counted');
  });

  test('serves routes with the database of their own service, and describes them', async () => {
    const { url } = await started();
    const { at } = z.object({ at: z.number() }).parse(await (await fetch(`${url}/door/time`)).json());
    expect(Math.abs(at - Date.now())).toBeLessThan(60_000);
    const document = await (await fetch(`${url}/openapi.json`)).text();
    expect(document).toContain('/door/open');
    expect(document).not.toContain('abacus');
  });

  test('R29: without a token this machine may operate, with one only its holder', async () => {
    const open = (url: string, headers: Record<string, string> = {}) =>
      fetch(`${url}/door/open`, { method: 'POST', headers });
    expect((await open((await started()).url)).status).toBe(201);
    const { url } = await started({ OPERATOR_TOKEN: 'a-token-of-some-length' });
    const refused = await open(url);
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect((await open(url, { authorization: 'Bearer a-token-of-some-length' })).status).toBe(201);
  });

  test('counts what its services do, and tells Prometheus', async () => {
    const { url, host } = await started();
    const replies = await heard(host.bus, inboxTopic, 1);
    await host.bus.send([command('door', 'door.knock', {})]);
    await replies();
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const lines = (await response.text()).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'sagamore_command_duration_seconds_count{service="door",command="door.knock",operation="action",outcome="succeeded"} 1',
        'sagamore_batch_size_sum{topic="door.commands",group="door"} 1',
        'sagamore_messages_sent_total{topic="orchestrator.inbox"} 1',
        'sagamore_outbox_age_seconds{service="abacus"} 0',
        'sagamore_bulkhead_in_use{bulkhead="abacus"} 0',
      ]),
    );
  });

  test('B88: its numbers are for the holder of the token, and nothing else of its inside is there', async () => {
    const token = 'a-token-of-some-length';
    const { url } = await started({ OPERATOR_TOKEN: token });
    expect((await fetch(`${url}/metrics`)).status).toBe(401);
    expect((await fetch(`${url}/metrics?token=${token}`)).status).toBe(401);
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${url}/metrics`, { headers })).status).toBe(200);
    const paths = ['debug', 'docs', 'actuator', 'actuator/env', '.git/config', '.env', 'main.js.map'];
    const answers = await Promise.all(paths.map((path) => fetch(`${url}/${path}`, { headers })));
    expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 404));
  });

  test('counts nothing where that is switched off', async () => {
    const { url, host } = await started({ METRICS: 'false' });
    expect(host.metrics.isOn).toBe(false);
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
  });

  test('I40: when it stops, HTTP is closed, the bus too, and it can start again on the same databases', async () => {
    const broker = new MemoryBroker();
    const first = await started({}, broker);
    await first.stop();
    await first.stop();
    await expect(fetch(`${first.url}/health/live`)).rejects.toThrow();
    await expect(first.host.bus.send([])).rejects.toMatchObject({ code: 'STOPPED' });
    const second = await started({}, broker);
    expect((await fetch(`${second.url}/health/ready`)).status).toBe(200);
  });

  test('I40: a stream that never ends is cut, so that the drain can go on', async () => {
    const { url, stop, host } = await started();
    const stream = await fetch(`${url}/door/ajar`);
    expect(stream.status).toBe(200);
    const end = stream.text().catch(() => 'cut');
    const stopping = stop();
    expect(await host.health.readiness()).toMatchObject({ status: 'stopping' });
    await stopping;
    expect(await end).toContain('cut');
  }, 20_000);
});

/** Connections to the databases of this file that are still open. */
async function connections(): Promise<number> {
  const { server } = await testPostgres();
  const client = new pg.Client(server.url('postgres'));
  await client.connect();
  try {
    const { rowCount } = await client.query(`select from pg_stat_activity where datname like 'test\\_%'`);
    return rowCount ?? 0;
  } finally {
    await client.end();
  }
}

describe('a process that cannot start', () => {
  test('I45: closes the databases that were opened, or were being opened, by then', async () => {
    const { DATABASE_URL_DOOR: _door, ...others } = urls;
    for (let round = 0; round < 3; round++) {
      const bus = new MemoryBus({ clock: new SystemClock() });
      const starting = start({ service: 'both', module: both, config: readConfig(others), bus });
      await expect(starting).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' });
      expect(await connections()).toBe(0);
    }
  });

  test('I45: rejects when a database URL is missing', async () => {
    const { DATABASE_URL_DOOR: _door, ...others } = urls;
    const bus = new MemoryBus({ clock: new SystemClock() });
    const starting = start({ service: 'both', module: both, config: readConfig(others), bus });
    await expect(starting).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' });
    await expect(bus.send([])).rejects.toMatchObject({ code: 'STOPPED' });
  });

  test('I45: rejects without brokers and without a bus of its own', async () => {
    const starting = start({ service: 'both', module: both, config: readConfig(urls) });
    await expect(starting).rejects.toThrow('KAFKA_BROKERS');
  });

  test('S22: rejects when the handlers do not fit', async () => {
    @Participant('door')
    class Stranger {
      @Handles(count)
      async count(): Promise<ReplyOf<typeof count>> {
        return succeeded({ sum: 0 });
      }
    }
    const module = (host: Host): DynamicModule => ({
      module: DoorModule,
      imports: [SagamoreModule.forService({ host, service: 'door' })],
      controllers: [Stranger],
    });
    const bus = new MemoryBus({ clock: new SystemClock() });
    const starting = start({ service: 'door', module, config: readConfig(urls), bus });
    await expect(starting).rejects.toThrow('abacus.count/action belongs to abacus');
  });
});
