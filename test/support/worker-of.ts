import type { S3Environment } from '../../src/config/variables/storage.js';
import { atTestEnd } from './at-test-end.js';
import type { TestDarkroom } from './darkroom.js';
import { endProcess, startProcess, type TestProcess } from './processes.js';

function s3Variables({ bucket, endpoint, region, credentials }: S3Environment) {
  return {
    S3_BUCKET: bucket,
    S3_ENDPOINT: endpoint,
    S3_REGION: region,
    S3_ACCESS_KEY_ID: credentials?.accessKeyId,
    S3_SECRET_ACCESS_KEY: credentials?.secretAccessKey,
  };
}

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
    ...(settings.s3 && s3Variables(settings.s3)),
    TASK_LEASE_SECONDS: '3',
    RECONCILE_SECONDS: '1',
    ...env,
  });
  atTestEnd(() => endProcess(started));
  return started;
}
