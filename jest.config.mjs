// Four rings of tests; the suffix of a file says what it needs (docs/architecture.md §14).
const swc = {
  module: { type: 'es6' },
  sourceMaps: 'inline',
  jsc: {
    target: 'es2024',
    keepClassNames: true,
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
  },
};

const ring = (displayName, options) => ({
  displayName,
  testEnvironment: 'node',
  rootDir: import.meta.dirname,
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/test', '<rootDir>/deploy'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'json', 'node'],
  transform: { '^.+\\.ts$': ['@swc/jest', swc] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['/dist/'],
  testEnvironmentOptions: { customExportConditions: ['@sagamore/source', 'node', 'node-addons'] },
  ...options,
});

export default {
  reporters: ['default', '<rootDir>/test/support/line-reporter.mjs'],
  projects: [
    ring('unit', {
      testMatch: ['**/*.spec.ts'],
      testPathIgnorePatterns: ['/node_modules/', '\\.(sim|int|e2e)\\.spec\\.ts$'],
    }),
    ring('simulation', { testMatch: ['**/*.sim.spec.ts'] }),
    ring('integration', { testMatch: ['**/*.int.spec.ts'] }),
    ring('e2e', { testMatch: ['**/*.e2e.spec.ts'] }),
  ],
};
