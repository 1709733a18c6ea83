/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  mutate: [
    'src/features/credits/{admission,credit-accounts,credit-holds,credit-grants,credit-check,price}.ts',
    'src/tasks/ledger/{claim-sql,task-claims,task-transitions,task-leases,overdue}.ts',
    'src/tasks/ending/task-*.ts',
    'src/tasks/workers/{claims-within-limits,limited-claims}.ts',
    'src/tasks/limits/{fair-shares,owner-limits}.ts',
  ],
  mutator: {
    excludedMutations: [
      // Texts are SQL or for people: an empty statement is a syntax error, which any test would find.
      'StringLiteral',
      // Lists are the parameters of statements: Postgres refuses an empty one.
      'ArrayDeclaration',
    ],
  },
  ignorePatterns: ['.test-build*', 'dist', '.darkroom*', 'reports', 'docs', 'coverage'],
  buildCommand: 'tsc -p tsconfig.test.json',
  plugins: ['./.test-build/test/mutation/runner.js'],
  testRunner: 'jest-files',
  coverageAnalysis: 'perTest',
  concurrency: 2,
  timeoutMS: 30_000,
  timeoutFactor: 3,
  dryRunTimeoutMinutes: 30,
  reporters: ['progress-append-only', 'clear-text', 'html', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  thresholds: { high: 95, low: 85, break: 85 },
  disableTypeChecks: true,
  allowEmpty: false,
};
