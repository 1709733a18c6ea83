import { atTestEnd } from './at-test-end.js';
import type { TestDarkroom } from './darkroom.js';
import { endProcess, startProcess, type TestProcess } from './processes.js';

/** A worker in a process of its own beside a Darkroom, for one test. It hurries. */
export function startWorkerOf(
  { stores, settings }: TestDarkroom,
  program: string,
  env: Record<string, string> = {},
): TestProcess {
  const started = startProcess(program, [], {
    DATABASE_URL: stores.databaseUrl,
    QUEUE_URL: stores.queueUrl,
    DARKROOM_DATA_DIR: settings.dataDir,
    SD_API_URLS: settings.engineUrls[0],
    TASK_LEASE_SECONDS: '3',
    RECONCILE_SECONDS: '1',
    ...env,
  });
  atTestEnd(() => endProcess(started));
  return started;
}
