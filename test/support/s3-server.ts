import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3Environment } from '../../src/config/variables/storage.js';
import { temporaryFolder } from './memory-folder.js';
import { endProcess, startProcess, type TestProcess } from './processes.js';

/** An S3 server of its own, with the bucket `pictures`. */
export interface TestS3 {
  url: string;
  /** How to reach its bucket. */
  options: S3Environment;
  /** An outage: it is killed. */
  stop(): Promise<void>;
  /** It is back at the same address, with all objects. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function startS3(): Promise<TestS3> {
  const directory = await mkdtemp(join(await temporaryFolder(), 'darkroom-s3-'));
  let server: TestProcess;
  let port = '0';
  const start = async () => {
    // Its continuation tokens are enciphered as OpenSSL 1 did it.
    const env = { NODE_OPTIONS: '--openssl-legacy-provider' };
    server = startProcess('test/support/s3-child.js', [directory, port], env);
    await server.says(/port \d+\./);
    [, port] = /port (\d+)\./.exec(server.output()) as unknown as [string, string];
  };
  const stop = () => endProcess(server);
  await start();
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    options: {
      bucket: 'pictures',
      endpoint: url,
      region: 'us-east-1',
      // Those that the server knows.
      credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
      forcePathStyle: true,
      publicBaseUrl: undefined,
    },
    start,
    stop,
    close: async () => {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
