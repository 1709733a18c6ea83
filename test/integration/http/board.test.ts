import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { routesOf } from '../../../src/infrastructure/http/create-http-app.js';
import { addNumbersTask } from '../../../src/features/calculate/calculate.tasks.js';
import { QUEUE_NAMES } from '../../../src/tasks/definitions/queues.js';
import { definedTasks } from '../../../src/tasks/definitions/task-definition.js';
import { TaskHints } from '../../../src/tasks/hints/task-hints.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { captureLog } from '../../support/log-capture.js';
import { badFieldsOf } from '../../support/problem.js';
import { queueDump } from '../../support/queue-dump.js';
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
  let log: ReturnType<typeof captureLog>;
  beforeAll(async () => {
    log = captureLog();
    // Nobody listens there: the attempts fail with the URLs in hand.
    const settings = {
      engineUrls: ['http://sd:canary-password@127.0.0.1:9'],
      smtpUrl: 'smtp://canary-mail-user:canary-mail-password@127.0.0.1:9',
      secretKey: 'canary-secret-key'.repeat(2),
    };
    darkroom = await startDarkroom(engine, { settings });
    taskId = await darkroom.generate(canaries);
    const user = { email: 'canary-address@example.com', password: 'canary-password-of-a-user' };
    const { task_id: mailId } = (await (
      await darkroom.post('/api/v1/users/register', user)
    ).json()) as { task_id: string };
    await darkroom.post('/api/v1/users/password/forgot', { email: user.email });
    await darkroom.post('/api/v1/auth/login', user);
    await darkroom.request('/api/v1/tasks', { key: 'dk_canary-key' });
    await eventually('a mail could not be sent', async () => {
      const [mail] = await darkroom.database.query(`SELECT state FROM tasks WHERE id = $1`, [
        mailId,
      ]);
      // Its pipeline sends it a moment later.
      return mail?.state === 'RETRY';
    });
    await eventually('an attempt has failed', async () => {
      const { attempt, status } = await darkroom.status(taskId);
      return attempt >= 1 && status !== 'STARTED';
    });
  });
  afterAll(async () => {
    await darkroom.close();
    log.stop();
  });

  /** What nobody but its owner may see. */
  function secrets(): string[] {
    const { databaseUrl, queueUrl, dataDir } = darkroom.settings;
    const passwords = [databaseUrl, queueUrl ?? databaseUrl].map((url) => new URL(url).password);
    const given = [...passwords, darkroom.adminKey].filter((secret) => secret !== '');
    return [...given, dataDir, 'postgres:', 'redis:', 'canary'];
  }

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

  it('shows no secrets (security 38)', async () => {
    const pages = routesOf(darkroom.app)
      .all()
      .filter(({ url, verbs }) => url.startsWith('/admin/queues') && verbs.includes('GET'))
      .map(({ url }) => url.slice('/admin/queues'.length))
      .filter((path) => !path.includes('*'))
      .map((path) => path.replace(':queueName', 'high_priority').replace(':jobId', taskId));
    const lists = QUEUE_NAMES.flatMap((queue) =>
      statuses.map((status) => `/api/queues?activeQueue=${queue}&status=${status}&page=1`),
    );
    for (const path of [...pages, ...lists]) {
      const text = await read(path);
      for (const secret of secrets()) about(path, () => expect(text).not.toContain(secret));
    }
  });

  it('has no secrets to show: none is in the queue, and none in the log (security 38)', async () => {
    const queue = await queueDump(darkroom.database, darkroom.stores);
    about('the task is there', () => expect(queue).toContain(taskId));
    about('the log is there', () => expect(log.text()).toMatch(/WARN/));
    for (const secret of secrets()) {
      expect(queue).not.toContain(secret);
      if (secret !== darkroom.settings.dataDir) expect(log.text()).not.toContain(secret);
    }
  });

  it('shows jobs that are named by us: a task’s id, its name, a known queue (security 32)', async () => {
    const names = definedTasks().map(({ name }) => name);
    for (const queue of QUEUE_NAMES) {
      const jobs = await darkroom.app.get(TaskHints).of(queue).getJobs();
      for (const { id, name, data } of jobs) {
        expect([id, Object.keys(data)]).toEqual([data.taskId, ['v', 'taskId']]);
        expect(names).toContain(name);
        const found = await darkroom.database.query(`SELECT FROM tasks WHERE id = $1`, [id]);
        expect(found.length).toBe(1);
      }
    }
    const chosen = { task_id: taskId, id: 'x', queue: 'high_priority', name: 'x', task: 'x' };
    const answer = await darkroom.post('/api/v1/generate-image', { prompt: 'x', ...chosen });
    expect((await badFieldsOf(answer)).toSorted()).toEqual(Object.keys(chosen).toSorted());
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

  it('serves its page and its files to an admin under a strict policy (security 39)', async () => {
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

  it('changes nothing (security 37)', async () => {
    const writes = ['pause', 'empty', 'obliterate', 'clean/completed', 'retry/failed'];
    for (const action of writes) {
      const path = `/admin/queues/api/queues/high_priority/${action}`;
      expect((await darkroom.request(path, { method: 'PUT' })).status).toBe(405);
    }
    expect(await read('/api/queues?activeQueue=high_priority')).toMatch(/"isPaused":false/);
  });
});
