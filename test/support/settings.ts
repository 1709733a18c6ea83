import { fileURLToPath } from 'node:url';
import { createLogger, type DarkroomLogger } from '../../src/infrastructure/http/logger.js';
import { readEnvironment } from '../../src/config/environment.js';
import type { Settings } from '../../src/config/config.module.js';
import type { TestStores } from './queue-engines.js';

/** Settings of a Darkroom on a test's own stores: defaults, but it hurries. */
export function settingsFor(
  { databaseUrl, queueUrl }: Pick<TestStores, 'databaseUrl' | 'queueUrl'>,
  changes: Partial<Settings> = {},
): Settings {
  return {
    ...readEnvironment({ LOG_LEVEL: 'error', LOG_FORMAT: 'pretty', PORT: '0' }),
    databaseUrl,
    databasePoolSize: 10,
    queueUrl,
    shutdownGraceMs: 5_000,
    reconcileMs: 1_000,
    leaseMs: 15_000,
    childProgram: fileURLToPath(new URL('../../src/worker-child.js', import.meta.url)),
    isChild: false,
    ...changes,
  };
}

/** Silent, as tests provoke what a log complains of; DARKROOM_TEST_LOG=debug shows it. */
export function loggerOf(settings: Settings): DarkroomLogger | false {
  const level = process.env['DARKROOM_TEST_LOG'] as Settings['logLevel'] | undefined;
  return level === undefined ? false : createLogger({ ...settings, logLevel: level });
}
