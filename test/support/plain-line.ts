import type { AggregatedResult, Reporter } from '@jest/reporters';

/** The last line of a run, for people and scripts alike: `N passed, N failed, N skipped`. */
export default class PlainLine implements Pick<Reporter, 'onRunComplete'> {
  onRunComplete(_contexts: unknown, results: AggregatedResult): void {
    const { numPassedTests, numFailedTests, numPendingTests, numRuntimeErrorTestSuites } = results;
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    const line = `${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped\n`;
    // Jest's own summary comes after every other reporter.
    process.once('exit', () => process.stdout.write(line));
  }
}
