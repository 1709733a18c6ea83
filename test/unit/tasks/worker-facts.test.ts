import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { DataSource } from 'typeorm';
import { readEnvironment } from '../../../src/config/environment.js';
import { createQueueEngine } from '../../../src/infrastructure/queue/queue.module.js';
import { WorkerFacts } from '../../../src/tasks/control/worker-facts.js';

const canary = 'CANARY9d2e';

for (const queue of ['redis://u:p', 'postgres://u:p']) {
  it(`the settings a worker shows hold no secret, queue at ${queue.split(':')[0]}`, async (t) => {
    const environment = readEnvironment({
      DATABASE_URL: `postgres://${canary}:${canary}@db:5432/darkroom?password=${canary}`,
      [queue.startsWith('redis') ? 'REDIS_URL' : 'QUEUE_URL']:
        `${queue.replace('u:p', `${canary}:${canary}`)}@queue:1/2?password=${canary}`,
      SD_API_URLS: `http://${canary}:${canary}@gpu:7860/${canary}?token=${canary}`,
    });
    const settings = {
      ...environment,
      databaseUrl: environment.databaseUrl!,
      shutdownGraceMs: 1,
      childProgram: '',
      isChild: false,
      added_later: canary,
    };
    const engine = createQueueEngine(settings.queueUrl!);
    t.after(() => engine.close());
    const conf = new WorkerFacts({} as DataSource, engine, settings).conf();
    assert.ok(!JSON.stringify(conf).includes(canary));
    assert.equal(conf['database'], 'postgres://db:5432/darkroom');
    assert.deepEqual(conf['engines'], ['gpu:7860']);
    assert.match(String(conf['queue']), /:\/\/queue:1\/2$/);
  });
}
