// The walls of the house (docs/architecture.md §4) as rules. Each message says the way out.
const lib = (...names) => `^libs/(${names.join('|')})/`;
const npm = (...names) => `node_modules/(${names.join('|')})/`;

/** What each room may import: of ours, from npm, and of Node. Specs and benches stand outside the walls. */
const rooms = {
  engine: { ours: [], npm: [], node: ['assert'] },
  primitives: { ours: [], npm: [], node: ['assert', 'crypto'] },
  telemetry: { ours: [], npm: ['@opentelemetry/[^/]+', 'pino', 'pino-pretty'] },
  resilience: { ours: ['primitives'], npm: ['opossum', '@types/opossum'] },
  runtime: { ours: ['engine', 'primitives', 'resilience'], npm: ['@standard-schema/spec'] },
  postgres: {
    ours: ['engine', 'primitives', 'resilience', 'runtime'],
    npm: ['pg', 'pg-[^/]+', '@types/pg', 'typeorm', 'reflect-metadata'],
  },
  kafka: { ours: ['engine', 'primitives', 'resilience', 'runtime'], npm: ['kafkajs'] },
  memory: { ours: ['engine', 'primitives', 'resilience', 'runtime'], npm: [] },
  http: { ours: ['engine', 'primitives', 'resilience', 'runtime'], npm: ['undici'] },
  testing: {
    ours: ['engine', 'primitives', 'resilience', 'runtime', 'memory'],
    npm: ['fast-check', '@jest/[^/]+', 'jest-[^/]+', 'expect'],
  },
  contracts: { ours: ['engine', 'runtime'], npm: ['zod'] },
  platform: {
    ours: [
      'engine',
      'primitives',
      'telemetry',
      'resilience',
      'runtime',
      'postgres',
      'kafka',
      'memory',
      'http',
    ],
    npm: [
      '@nestjs/[^/]+',
      '@fastify/[^/]+',
      'fastify',
      'rxjs',
      'zod',
      'typeorm',
      'reflect-metadata',
      'jose',
      'croner',
    ],
  },
};

const spec = '\\.(spec|contract|fixture|example)\\.ts$';

function wallsOf(room, { ours, npm: packages, node }) {
  const from = { path: lib(room), pathNot: spec };
  const allowed = [lib(room, ...ours), ...(packages.length > 0 ? [npm(...packages)] : [])];
  const rules = [
    {
      name: `${room}-reaches-only-its-floor`,
      severity: 'error',
      comment: `libs/${room} may import ${[...ours, ...packages].join(', ') || 'nothing'}: hand the rest in as a port, a hook or an argument.`,
      from,
      to: { pathNot: allowed, dependencyTypesNot: ['core'] },
    },
  ];
  if (node !== undefined) {
    rules.push({
      name: `${room}-has-no-io`,
      severity: 'error',
      comment: `libs/${room} decides and does nothing: of Node it may use ${node.join(' and ')}; time, luck and I/O are arguments.`,
      from,
      to: { dependencyTypes: ['core'], pathNot: node.flatMap((name) => [`^${name}`, `^node:${name}`]) },
    });
  }
  return rules;
}

const service = '^apps/(order|inventory|payment|shipping|orchestrator)/src/';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...Object.entries(rooms).flatMap(([room, permission]) => wallsOf(room, permission)),
    {
      name: 'no-circles',
      severity: 'error',
      comment:
        'Two files that run each other are one thought, or hide a third: move what both need below them.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-barrel-from-inside',
      severity: 'error',
      comment: 'Inside a library files import files; its index.ts is its face to others.',
      from: { path: '^libs/([^/]+)/src/(?!index\\.ts)' },
      to: { path: '^libs/$1/src/index\\.ts$' },
    },
    {
      name: 'only-the-face-of-a-library',
      severity: 'error',
      comment: 'Import a library by its name (@sagamore/...): what its index.ts does not show is its own.',
      from: { path: '^(apps|libs|test|deploy)/([^/]+)/' },
      to: {
        path: '^libs/([^/]+)/src/',
        pathNot: [
          '^libs/[^/]+/src/index\\.ts$',
          '^libs/testing/src/(world/world|kit/kit|explorer/explorer)\\.ts$',
          '^$1/$2/',
        ],
      },
    },
    {
      name: 'services-do-not-know-each-other',
      severity: 'error',
      comment:
        'One service reaches another by messages alone; what both must agree on stands in libs/contracts.',
      from: { path: '^apps/(order|inventory|payment|shipping|orchestrator|simulators)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'services-name-no-technology',
      severity: 'error',
      comment:
        'Only *.store.ts and migrations may know Postgres, only *.client.ts HTTP; specs may know both.',
      from: { path: service, pathNot: ['\\.store\\.ts$', '/migrations/', '\\.client\\.ts$', spec] },
      to: { path: lib('postgres', 'http', 'kafka', 'memory', 'testing') },
    },
    {
      name: 'typeorm-in-stores-alone',
      severity: 'error',
      comment: 'Tables are known to *.store.ts and migrations; give the store a method instead.',
      from: { path: service, pathNot: ['\\.store\\.ts$', '/migrations/', spec] },
      to: { path: npm('typeorm', 'pg') },
    },
    {
      name: 'clients-alone-speak-http',
      severity: 'error',
      comment: 'Calls to the outside go through a *.client.ts.',
      from: { path: service, pathNot: ['\\.client\\.ts$', spec] },
      to: { path: lib('http') },
    },
    {
      name: 'simulators-share-no-code',
      severity: 'error',
      comment: 'The simulated world must not know how we think: of ours it may use contracts alone.',
      from: { path: '^apps/simulators/', pathNot: spec },
      to: { path: '^libs/', pathNot: lib('contracts') },
    },
    {
      name: 'the-command-line-is-a-client',
      severity: 'error',
      comment:
        'The command line explores through libs/testing and operates over REST alone: of ours it may use testing and contracts.',
      from: { path: '^apps/ctl/', pathNot: spec },
      to: {
        pathNot: [
          '^apps/ctl/',
          lib('testing', 'contracts'),
          npm('commander', 'picocolors'),
          '^deploy/local/run\\.mjs$',
        ],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'nobody-needs-tests',
      severity: 'error',
      comment: 'What is shipped must not import what tests it.',
      from: { path: '^(apps|libs)/', pathNot: spec },
      to: { path: ['^test/', '\\.spec\\.ts$'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(/dist/|/coverage/)' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@sagamore/source', 'import', 'types', 'node', 'default'],
    },
    tsConfig: { fileName: 'tsconfig.base.json' },
  },
};
