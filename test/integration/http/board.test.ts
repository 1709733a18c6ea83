import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { routesOf } from '../../../src/infrastructure/http/create-http-app.js';
import { addNumbersTask } from '../../../src/features/calculate/calculate.tasks.js';
import { QUEUE_NAMES } from '../../../src/tasks/definitions/queues.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';

const canaries = {
  prompt: 'canary-prompt',
  negative_prompt: 'canary-negative-prompt',
  model: 'canary-model',
  chat_id: 'canary-chat',
  metadata: { canary: 'canary-metadata' },
};
interface BoardJob {
  id: string;
  /** Bull Board shows a badge for any value but none. */
  priority?: string;
  opts: { priority?: number };
}
const statuses = ['latest', 'active', 'waiting', 'prioritized', 'completed', 'failed', 'delayed'];

onBothQueueEngines('the board', (engine) => {
  let darkroom: TestDarkroom;
  let taskId: string;
  beforeAll(async () => {
    // Nobody listens there: the attempt fails with the URL in hand.
    const engineUrls = ['http://sd:canary-password@127.0.0.1:9'];
    darkroom = await startDarkroom(engine, { settings: { engineUrls } });
    taskId = await darkroom.generate(canaries);
    await eventually('an attempt has failed', async () => {
      const { attempt, status } = await darkroom.status(taskId);
      return attempt >= 1 && status !== 'STARTED';
    });
  });
  afterAll(() => darkroom.close());

  async function read(path: string): Promise<string> {
    const answer = await darkroom.request(`/admin/queues${path}`);
    const text = await answer.text();
    about(`${path}: ${answer.status} ${text}`, () =>
      expect([200, 204, 403, 404]).toContain(answer.status),
    );
    return text;
  }

  it('shows the task in its queue', async () => {
    const seen = await eventually('the board has the job', async () => {
      const text = await read('/api/queues?activeQueue=high_priority&status=latest&page=1');
      return text.includes(taskId) && text;
    });
    const { queues } = JSON.parse(seen) as { queues: { name: string; readOnlyMode: boolean }[] };
    expect(queues.map((queue) => queue.name).toSorted()).toEqual(QUEUE_NAMES.toSorted());
    expect(queues.every((queue) => queue.readOnlyMode)).toBe(true);
  });

  it('shows the state of each task in the ledger, and links to the task', async () => {
    const text = await read(`/api/queues/high_priority/${taskId}`);
    const { job } = JSON.parse(text) as {
      job: { name: string; data: object; externalUrl: object };
    };
    const { status, attempt } = await darkroom.status(taskId);
    expect(job.name).toBe('generate_image_task');
    expect(job.data).toEqual({ task_id: taskId, state: status, attempt });
    const href = `/api/v1/task_status/${taskId}`;
    expect(job.externalUrl).toEqual({ displayText: 'Task', href });
  });

  it('sends no request to another host', async () => {
    const page = await read('');
    expect(page).toMatch(/<link [^>]*href="static/);
    expect(page).not.toMatch(/https?:/);
  });

  it('shows no secrets', async () => {
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
      for (const secret of hidden)
        about(path, () => expect(secret === '' || !text.includes(secret)).toBe(true));
    }
  });

  it('shows priorities from 0 to 9, as the tasks have them', async () => {
    const ids = new Map<number, string>();
    for (const priority of [0, 4, 9]) {
      const options = { priority, delayMs: 20_000, queue: 'low_priority' as const };
      const { manager } = darkroom.database;
      const sent = await darkroom.app
        .get(TaskClient)
        .send(manager, addNumbersTask, { x: 1, y: 2 }, options);
      ids.set(priority, sent.id);
    }
    for (const [priority, id] of ids) {
      const one = await eventually('the board has the job', async () => {
        const answer = await darkroom.request(`/admin/queues/api/queues/low_priority/${id}`);
        const text = await answer.text();
        return answer.status === 200 && (JSON.parse(text) as { job: BoardJob }).job;
      });
      const list = await read('/api/queues?activeQueue=low_priority&status=delayed&page=1');
      const { queues } = JSON.parse(list) as { queues: { name: string; jobs: BoardJob[] }[] };
      const listed = queues.flatMap((queue) => queue.jobs).find((job) => job.id === id);
      for (const job of [one, listed!]) {
        expect([job.opts.priority, job.priority]).toEqual([priority, String(priority)]);
      }
    }
  });

  it('serves its page and its files to an admin under a strict policy', async () => {
    const page = await darkroom.request('/admin/queues');
    expect(page.headers.get('content-security-policy')!).toMatch(/script-src 'self';/);
    const files = [...(await page.text()).matchAll(/(?:src|href)="(static\/[^"]+)"/g)];
    expect(files.length).toBeGreaterThan(2);
    for (const [, file] of files) {
      const answer = await darkroom.request(`/admin/queues/${file}`);
      about(file, () => expect(answer.status).toBe(200));
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      // Unread, a large one would keep its connection and this process alive.
      expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(0);
      expect((await darkroom.request(`/admin/queues/${file}`, { key: null })).status).toBe(401);
    }
  });

  it('changes nothing', async () => {
    const writes = ['pause', 'empty', 'obliterate', 'clean/completed', 'retry/failed'];
    for (const action of writes) {
      const path = `/admin/queues/api/queues/high_priority/${action}`;
      expect((await darkroom.request(path, { method: 'PUT' })).status).toBe(405);
    }
    expect(await read('/api/queues?activeQueue=high_priority')).toMatch(/"isPaused":false/);
  });
});
