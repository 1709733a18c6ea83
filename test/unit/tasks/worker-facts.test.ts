import { expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import type { DataSource } from 'typeorm';
import { readEnvironment } from '../../../src/config/environment.js';
import { createQueueEngine } from '../../../src/infrastructure/queue/create-queue-engine.js';
import { WorkerFacts } from '../../../src/tasks/control/worker-facts.js';

const canary = 'CANARY9d2e';

for (const queue of ['redis://u:p', 'postgres://u:p']) {
  it(`the settings that a worker shows contain no secret with a queue in ${queue.split(':')[0]}`, async () => {
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
    atTestEnd(() => engine.close());
    const conf = new WorkerFacts({} as DataSource, engine, settings).conf();
    expect(JSON.stringify(conf)).not.toContain(canary);
    expect(conf['database']).toBe('postgres://db:5432/darkroom');
    expect(conf['engines']).toEqual(['gpu:7860']);
    expect(String(conf['queue'])).toMatch(/:\/\/queue:1\/2$/);
  });
}
