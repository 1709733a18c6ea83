import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MutantCoverage } from '@stryker-mutator/api/core';
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';
import {
  DryRunStatus,
  MutantRunStatus,
  TestStatus,
  type DryRunOptions,
  type DryRunResult,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
} from '@stryker-mutator/api/test-runner';
import { runJest, shortWaits } from './jest-run.js';
import { testsOf } from './tests.js';

/**
 * Runs test files for Stryker. A mutant is run only against the files that reach it, in a fresh process. Stryker's own
 * runner would load all files for each mutant: it chooses tests by their names.
 */
class JestFiles implements TestRunner {
  static readonly inject = [] as const;

  capabilities() {
    return { reloadEnvironment: true };
  }

  /** Without a mutant: what each file reaches, and how long it takes. */
  async dryRun(options: DryRunOptions): Promise<DryRunResult> {
    const folder = await mkdtemp(join(tmpdir(), 'darkroom-mutants-'));
    const results: TestResult[] = [];
    const perTest: MutantCoverage['perTest'] = {};
    for (const file of testsOf(options.files ?? [])) {
      const reached = join(folder, 'reached.json');
      const env = { DARKROOM_MUTANT_COVERAGE: reached };
      const begin = performance.now();
      const { outcome, output } = await runJest({ files: [file], env, timeout: 600_000 });
      const timeSpentMs = Math.round(performance.now() - begin);
      if (outcome !== 'passed') {
        return { status: DryRunStatus.Error, errorMessage: `${file} ${outcome}\n${output}` };
      }
      perTest[file] = JSON.parse(await readFile(reached, 'utf8'));
      results.push({ id: file, name: file, status: TestStatus.Success, timeSpentMs });
    }
    await rm(folder, { recursive: true });
    const mutantCoverage = { static: {}, perTest };
    return { status: DryRunStatus.Complete, tests: results, mutantCoverage };
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const { testFilter, activeMutant } = options;
    const files = testsOf([activeMutant.fileName]).filter((file) => testFilter!.includes(file));
    if (files.length === 0) return { status: MutantRunStatus.Survived, nrOfTests: 0 };
    const env = { ...shortWaits, __STRYKER_ACTIVE_MUTANT__: activeMutant.id };
    // Ends before Stryker would end this process, which would leave Jest behind.
    const { outcome, output } = await runJest({ files, env, timeout: options.timeout * 0.9 });
    if (outcome === 'timeout') return { status: MutantRunStatus.Timeout };
    if (outcome === 'passed') return { status: MutantRunStatus.Survived, nrOfTests: files.length };
    const killer = files.find((file) => failed(output, file));
    return {
      status: MutantRunStatus.Killed,
      killedBy: [killer ?? files[0]!],
      failureMessage: /^ {2}● .*$/m.exec(output)?.[0].trim() ?? output.slice(-500),
      nrOfTests: files.length,
    };
  }
}

function failed(output: string, file: string): boolean {
  return output.split('\n').some((line) => line.startsWith('FAIL ') && line.includes(file));
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'jest-files', JestFiles)];
