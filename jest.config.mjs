/** Kinds whose files are imported in groups when the whole suite runs: test/grouped-files.ts. */
const isGrouped = (name) => (process.env.DARKROOM_TEST_GROUPS ?? '').split(',').includes(name);

/**
 * Tests of one kind, as tsc wrote them to .test-build.
 *
 * @type {(name: string, more?: import('jest').Config) => import('jest').Config}
 */
const project = (name, more = {}) => ({
  displayName: name,
  rootDir: '.test-build',
  testMatch: [`<rootDir>/test/${isGrouped(name) ? 'groups/' : ''}${name}/**/*.test.js`],
  testEnvironment: 'node',
  transform: {},
  restoreMocks: true,
  ...more,
});

/** Tests that start a Nest application. */
const withNest = {
  transform: { '/node_modules/@bull-board/nestjs/': '<rootDir>/../test/require-modules.cjs' },
  transformIgnorePatterns: ['/node_modules/(?!@bull-board/nestjs/)'],
  setupFiles: ['<rootDir>/test/support/required-modules.js'],
};

/** @type {import('jest').Config} */
export default {
  projects: [
    project('unit'),
    project('docs', withNest),
    project('integration', withNest),
    project('e2e', withNest),
    project('faults', withNest),
  ],
  // Twice the cores of a CI machine: many tests wait.
  maxWorkers: 4,
  // What a test file has loaded stays in its worker.
  workerIdleMemoryLimit: '1GB',
  testSequencer: '<rootDir>/test/slow-files-early.mjs',
  testTimeout: 600_000,
  reporters: ['default', '<rootDir>/.test-build/test/support/plain-line.js'],
};
