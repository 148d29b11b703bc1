import fs from 'node:fs';

const swc = JSON.parse(fs.readFileSync(new URL('.swcrc', import.meta.url), 'utf8'));
delete swc.$schema;
delete swc.exclude;

const project = (displayName, database) => ({
  displayName,
  testEnvironment: '<rootDir>/test/support/environment.mjs',
  // '#memory' resolves to libs/memory/src/index.ts, as in tsconfig's customConditions; the name is our own, for packages publish a condition 'source' too.
  testEnvironmentOptions: { customExportConditions: ['commonplace-source', 'node', 'node-addons'] },
  testMatch: ['<rootDir>/{apps,libs,test}/**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', { ...swc, swcrc: false, sourceMaps: 'inline', module: { type: 'es6' } }] },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/data'],
  globals: { TEST_DATABASE: database },
});

/** Every suite runs on the embedded database; with TEST_DATABASE_URL the same suites run on native Postgres too. */
export default {
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  maxWorkers: 2,
  // ES modules of a suite that is through are not freed: after forty minutes a worker held 7 GB and did little but collect garbage.
  workerIdleMemoryLimit: '1500MB',
  // Starting a broker takes seconds on a busy machine; a test that hangs should still end. Jest reads it here alone, and
  // passes over the same setting of a project.
  testTimeout: 60_000,
  projects: [
    project('embedded', { kind: 'embedded' }),
    ...(process.env.TEST_DATABASE_URL
      ? [project('postgres', { kind: 'postgres', url: process.env.TEST_DATABASE_URL })]
      : []),
  ],
};
