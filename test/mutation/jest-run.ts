import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { lightly } from '../support/processes.js';

/** Against a mutant most waits are in vain: the longest wait for a state, in milliseconds. */
export const shortWaits = { DARKROOM_TEST_WAIT_MS: '15000' };

export interface JestRun {
  /** Paths in .test-build. */
  files: string[];
  env: Record<string, string>;
  /** Milliseconds. */
  timeout: number;
  /** Default: the current folder. */
  cwd?: string;
}

export interface JestResult {
  outcome: 'passed' | 'failed' | 'timeout';
  output: string;
}

/** Runs test files of a folder in a process of their own, which ends at the first failure. */
export async function runJest({ files, env, timeout, cwd = '.' }: JestRun): Promise<JestResult> {
  const build = resolve(cwd, '.test-build');
  const jest = spawn(
    process.execPath,
    [
      ...lightly,
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      resolve(cwd, 'node_modules/jest/bin/jest.js'),
      '--runInBand',
      '--bail',
      '--forceExit',
      '--reporters=default',
      '--selectProjects=unit',
      '--selectProjects=integration',
      `--testEnvironment=${build}/test/mutation/environment.js`,
      `--testSequencer=${resolve(cwd, 'test/mutation/in-order.mjs')}`,
      '--runTestsByPath',
      ...files.map((file) => `${build}/${file}`),
    ],
    { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env }, detached: true },
  );
  let output = '';
  for (const stream of [jest.stdout, jest.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    endAll(jest.pid!);
  }, timeout);
  const [code] = (await once(jest, 'exit')) as [number | null];
  clearTimeout(timer);
  // What a test that failed has started and not ended.
  endAll(jest.pid!);
  if (late) return { outcome: 'timeout', output };
  return { outcome: code === 0 ? 'passed' : 'failed', output };
}

function endAll(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
}
