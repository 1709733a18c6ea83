import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { routesOf } from '../../../src/infrastructure/http/create-http-app.js';
import { QUEUE_NAMES } from '../../../src/tasks/queues.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';

const canaries = {
  prompt: 'canary-prompt',
  negative_prompt: 'canary-negative-prompt',
  model: 'canary-model',
  chat_id: 'canary-chat',
  metadata: { canary: 'canary-metadata' },
};
const statuses = ['latest', 'active', 'waiting', 'prioritized', 'completed', 'failed', 'delayed'];

onBothQueueEngines('the board', (engine) => {
  let darkroom: TestDarkroom;
  let taskId: string;
  before(async () => {
    // Nobody listens there: the attempt fails with the URL in hand.
    const engineUrls = ['http://sd:canary-password@127.0.0.1:9'];
    darkroom = await startDarkroom(engine, { settings: { engineUrls } });
    taskId = await darkroom.generate(canaries);
    await eventually('an attempt has failed', async () => {
      const { attempt, status } = await darkroom.status(taskId);
      return attempt >= 1 && status !== 'STARTED';
    });
  });
  after(() => darkroom.close());

  async function read(path: string): Promise<string> {
    const answer = await darkroom.request(`/admin/queues${path}`);
    const text = await answer.text();
    assert.ok([200, 204, 403, 404].includes(answer.status), `${path}: ${answer.status} ${text}`);
    return text;
  }

  it('shows the task in its queue', async () => {
    const seen = await eventually('the board has the job', async () => {
      const text = await read('/api/queues?activeQueue=high_priority&status=latest&page=1');
      return text.includes(taskId) && text;
    });
    const { queues } = JSON.parse(seen) as { queues: { name: string; readOnlyMode: boolean }[] };
    assert.deepEqual(queues.map((queue) => queue.name).toSorted(), QUEUE_NAMES.toSorted());
    assert.ok(queues.every((queue) => queue.readOnlyMode));
  });

  it('shows nothing that is secret', async () => {
    const pages = routesOf(darkroom.app)
      .all()
      .filter(({ url, verbs }) => url.startsWith('/admin/queues') && verbs.includes('GET'))
      .map(({ url }) => url.slice('/admin/queues'.length))
      .filter((path) => !path.includes('*'))
      .map((path) => path.replace(':queueName', 'high_priority').replace(':jobId', taskId));
    const lists = QUEUE_NAMES.flatMap((queue) =>
      statuses.map((status) => `/api/queues?activeQueue=${queue}&status=${status}&page=1`),
    );
    const { databaseUrl, queueUrl, dataDir } = darkroom.settings;
    const secrets = [databaseUrl, queueUrl ?? databaseUrl].map((url) => new URL(url).password);
    const hidden = [...secrets, dataDir, darkroom.adminKey, 'postgres:', 'redis:', 'canary'];
    for (const path of [...pages, ...lists]) {
      const text = await read(path);
      for (const secret of hidden) assert.ok(secret === '' || !text.includes(secret), path);
    }
  });

  it('serves its page and its files to an admin under a strict policy', async () => {
    const page = await darkroom.request('/admin/queues');
    assert.match(page.headers.get('content-security-policy')!, /script-src 'self';/);
    const files = [...(await page.text()).matchAll(/(?:src|href)="(static\/[^"]+)"/g)];
    assert.ok(files.length > 2);
    for (const [, file] of files) {
      const answer = await darkroom.request(`/admin/queues/${file}`);
      assert.equal(answer.status, 200, file);
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
      // Unread, a large one would keep its connection and this process alive.
      assert.ok((await answer.arrayBuffer()).byteLength > 0, file);
      assert.equal((await darkroom.request(`/admin/queues/${file}`, { key: null })).status, 401);
    }
  });

  it('changes nothing', async () => {
    const writes = ['pause', 'empty', 'obliterate', 'clean/completed', 'retry/failed'];
    for (const action of writes) {
      const path = `/admin/queues/api/queues/high_priority/${action}`;
      assert.equal((await darkroom.request(path, { method: 'PUT' })).status, 405, action);
    }
    assert.match(await read('/api/queues?activeQueue=high_priority'), /"isPaused":false/);
  });
});
