import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { messageOf } from './common/message-of.js';
import type { Settings } from './config/config.module.js';
import { migrate } from './infrastructure/database/migrate.js';
import { isTransient } from './infrastructure/database/transaction.js';
import { createQueueEngine } from './infrastructure/queue/create-queue-engine.js';
import { migrations } from './migrations.js';

const databasePatienceMs = 60_000;

/**
 * Brings both schemas up to date, ours and the queue's. Waits for a database that is not there yet.
 *
 * @throws UnavailableError after a minute without it
 */
export async function prepareStores(settings: Settings): Promise<void> {
  const log = new Logger('Start');
  const end = performance.now() + databasePatienceMs;
  for (let told = false; ; told = true) {
    try {
      await migrate({ url: settings.databaseUrl, migrations });
      break;
    } catch (error) {
      if (!isTransient(error) || performance.now() > end) throw error;
      if (!told) log.warn(`Waiting for the database: ${messageOf(error)}`);
      await delay(1_000);
    }
  }
  const engine = createQueueEngine(settings.queueUrl ?? settings.databaseUrl);
  try {
    await engine.prepare();
  } finally {
    await engine.close();
  }
}
