import { join } from 'node:path';
import type { Settings } from './config/config.module.js';
import { createApi } from './create-api.js';
import { AdminKey } from './features/auth/admin-key.js';
import { Readiness } from './features/health/readiness.js';
import { prepareStores } from './prepare-stores.js';
import { StandaloneModule } from './standalone.module.js';
import { QUEUE_NAMES } from './tasks/definitions/queues.js';
import { TaskWorkers } from './tasks/task-workers.js';

interface Steps {
  /** Called before each step that takes time. */
  say: (line: string) => void;
  /** Called with what ends the application, before it has started. */
  onStop: (stop: () => Promise<unknown>) => void;
}

/** The API and workers for all queues, in this process. */
export async function runStandalone(settings: Settings, { say, onStop }: Steps) {
  say('Preparing the database …');
  await prepareStores(settings);
  say('Starting the API and the workers …');
  const app = await createApi(StandaloneModule.with(settings), settings);
  const workers = app.get(TaskWorkers);
  onStop(async () => {
    app.get(Readiness).setDraining();
    await workers.drain(settings.shutdownGraceMs);
    await app.close();
  });
  await app.listen(settings.port, settings.host);
  workers.start([...QUEUE_NAMES]);
  const keyFile = join(settings.dataDir, 'admin.key');
  const { key: adminKey } = await app.get(AdminKey).ensure(keyFile);
  return { url: await app.getUrl(), adminKey, keyFile };
}
