/** Which tests are run against mutants of which files, those that load least first. */
const areas: { files: RegExp; tests: string[] }[] = [
  {
    files: /features\/credits\//,
    tests: [
      'unit/credits/admission',
      'unit/credits/price',
      'integration/credits/ledger',
      'integration/credits/settlement',
      'integration/credits/check',
      'integration/credits/http',
    ],
  },
  {
    files: /tasks\/ledger\//,
    tests: [
      'integration/tasks/claims',
      'integration/tasks/fencing',
      'integration/tasks/endings',
      'integration/tasks/outcomes',
      'integration/tasks/leases',
      'integration/tasks/order-and-time',
      'integration/tasks/results',
    ],
  },
  {
    files: /tasks\/ending\//,
    tests: [
      'integration/tasks/endings',
      'integration/tasks/revoking',
      'integration/tasks/endings-in-trouble',
      'integration/credits/settlement',
    ],
  },
  {
    files: /tasks\/(workers|limits)\//,
    tests: [
      'integration/tasks/claims',
      'integration/tasks/gates',
      'integration/tasks/limits-in-trouble',
      'integration/tasks/order-and-time',
    ],
  },
  {
    files: /fair-shares|owner-limits|task-inserts/,
    tests: ['integration/tasks/owner-limits', 'integration/tasks/fair-shares'],
  },
];

/** Paths in .test-build. @param files paths of source files */
export function testsOf(files: string[]): string[] {
  const those = areas.filter((area) => files.some((file) => area.files.test(file)));
  return [...new Set(those.flatMap(({ tests }) => tests))].map((name) => `test/${name}.test.js`);
}
