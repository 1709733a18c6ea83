import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { addNumbersTask } from '../../../src/features/calculate/calculate.tasks.js';
import type { TaskList } from '../../../src/features/own-tasks/own-tasks.dto.js';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { chain, s, si } from '../../../src/tasks/canvas/signatures.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { problemOf } from '../../support/problem.js';

const tasksPath = '/api/v1/tasks';
const small = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };

interface Person {
  id: string;
  key: string;
}

async function person(darkroom: TestDarkroom, name: string): Promise<Person> {
  const auth = darkroom.app.get(AuthService);
  const { id } = await auth.createUser(name, 'user');
  return { id, key: (await darkroom.app.get(ApiKeys).create(id)).key };
}

function api(darkroom: TestDarkroom) {
  const ask = async (method: string, path: string, key: string, body?: unknown) =>
    darkroom.request(path, {
      method,
      key,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    });
  return {
    ask,
    list: async (key: string, query = '') => {
      const answer = await ask('GET', `${tasksPath}${query}`, key);
      expect([answer.status, query]).toEqual([200, query]);
      return (await answer.json()) as TaskList;
    },
    revoke: async (key: string, id: string, body?: unknown) => {
      const answer = await ask('POST', `${tasksPath}/${id}/revoke`, key, body);
      expect(answer.status).toBe(200);
      return (await answer.json()) as { task_id: string; outcome: string; status: string };
    },
  };
}

describe('the list of tasks', () => {
  let darkroom: TestDarkroom;
  let http: ReturnType<typeof api>;
  let ann: Person;
  let bob: Person;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    http = api(darkroom);
    [ann, bob] = [await person(darkroom, 'ann'), await person(darkroom, 'bob')];
  });
  afterAll(() => darkroom.close());

  const send = async (owner: Person, count: number) => {
    const client = darkroom.app.get(TaskClient);
    const ids: string[] = [];
    for (let n = 0; n < count; n++) {
      const sent = await client.send(
        darkroom.database.manager,
        addNumbersTask,
        { x: n, y: 1 },
        { ownerId: owner.id },
      );
      ids.push(sent.id);
    }
    return ids;
  };
  const idsOf = ({ tasks }: TaskList) => tasks.map((task) => task.task_id);

  it('has one’s own tasks, newest first, page by page, each once', async () => {
    const own = await send(ann, 7);
    const others = await send(bob, 2);
    const seen: string[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page: TaskList = await http.list(
        ann.key,
        `?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...idsOf(page));
      cursor = page.next_cursor;
      pages++;
      // New ones come before the first page.
      if (pages === 1) await send(ann, 1);
    } while (cursor !== null);
    expect([pages, seen]).toEqual([3, own.toReversed()]);
    expect(seen).not.toEqual(expect.arrayContaining(others));
  });

  it('can be filtered by state and name, and never has payload or result', async () => {
    const [first] = await send(bob, 1);
    await http.revoke(bob.key, first!);
    const picture = await darkroom.request('/api/v1/generate-image', {
      method: 'POST',
      key: bob.key,
      body: JSON.stringify({ ...small, prompt: 'CANARY-41' }),
      headers: { 'content-type': 'application/json' },
    });
    const { task_id } = (await picture.json()) as { task_id: string };
    expect(idsOf(await http.list(bob.key, '?status=REVOKED'))).toEqual([first]);
    const named = await http.list(bob.key, '?name=generate_image_task&status=PENDING');
    expect(idsOf(named)).toEqual([task_id]);
    expect(named.tasks[0]).toMatchObject({
      name: 'generate_image_task',
      owner_id: bob.id,
      attempt: 0,
    });
    expect(JSON.stringify(await http.list(bob.key))).not.toContain('CANARY');
    expect(idsOf(await http.list(bob.key, '?name=no_such_task'))).toEqual([]);
  });

  it('of others is for admins', async () => {
    for (const owner of [ann.id, 'all']) {
      const answer = await http.ask('GET', `${tasksPath}?owner=${owner}`, bob.key);
      expect((await problemOf(answer, 403)).code).toBe('forbidden');
    }
    const his = await http.list(darkroom.adminKey, `?owner=${bob.id}&limit=200`);
    expect(new Set(his.tasks.map((task) => task.owner_id))).toEqual(new Set([bob.id]));
    const all = await http.list(darkroom.adminKey, '?owner=all&limit=200');
    expect(new Set(all.tasks.map((task) => task.owner_id))).toEqual(new Set([ann.id, bob.id]));
    expect(idsOf(await http.list(darkroom.adminKey))).toEqual([]);
    expect(idsOf(await http.list(ann.key, `?owner=${ann.id}&limit=1`)).length).toBe(1);
  });

  for (const query of [
    '?limit=0',
    '?limit=201',
    '?limit=ten',
    '?status=DONE',
    '?cursor=1',
    '?owner=bob',
    '?user_id=1',
    '?name=',
    '?name=%00',
  ]) {
    it(`refuses ${query}`, async () => {
      const answer = await http.ask('GET', tasksPath + query, ann.key);
      expect((await problemOf(answer, 422)).code).toBe('invalid_fields');
    });
  }
});

onBothQueueEngines('revoking over HTTP', (engine) => {
  let darkroom: TestDarkroom;
  let http: ReturnType<typeof api>;
  let ann: Person;
  beforeAll(async () => {
    darkroom = await startDarkroom(engine);
    http = api(darkroom);
    ann = await person(darkroom, 'ann');
  });
  afterAll(() => darkroom.close());

  const post = async (body: Record<string, unknown>) => {
    const answer = await http.ask('POST', '/api/v1/generate-image', ann.key, { ...small, ...body });
    expect(answer.status).toBe(202);
    return ((await answer.json()) as { task_id: string }).task_id;
  };

  it('stops a picture that is being drawn, and the engine with it', async () => {
    darkroom.sketch.misbehave({ kind: 'slow', stepMs: 60_000 });
    const id = await post({ steps: 20 });
    await eventually('it is drawn', async () => darkroom.sketch.state().active !== null);
    expect(await http.revoke(ann.key, id)).toEqual({
      task_id: id,
      outcome: 'stopping',
      status: 'STARTED',
    });
    expect((await darkroom.finished(id)).status).toBe('REVOKED');
    await eventually('the engine has stopped', async () => darkroom.sketch.state().active === null);
    expect(await http.revoke(ann.key, id, { terminate: true })).toEqual({
      task_id: id,
      outcome: 'finished',
      status: 'REVOKED',
    });
  });

  it('of a picture that is done says so and keeps it', async () => {
    const id = await post({});
    await darkroom.finished(id);
    expect(await http.revoke(ann.key, id, {})).toEqual({
      task_id: id,
      outcome: 'finished',
      status: 'SUCCESS',
    });
    expect((await darkroom.status(id)).result!.images.length).toBe(1);
  });

  it('of the root revokes a canvas', async () => {
    const client = darkroom.app.get(TaskClient);
    const steps = chain(
      si(addNumbersTask, { x: 1, y: 1 }).set({ delayMs: 3_600_000 }),
      s(addNumbersTask, 'x', { y: 1 }),
    );
    const sent = await client.sendCanvas(darkroom.database.manager, steps, { ownerId: ann.id });
    expect((await http.revoke(ann.key, sent.id)).outcome).toBe('revoked');
    const open = await darkroom.database.query(
      'SELECT FROM tasks WHERE canvas_id = $1 AND finished_at IS NULL',
      [sent.id],
    );
    expect(open.length).toBe(0);
  });

  it('answers at once to twenty callers with the same words', async () => {
    const id = await post({ expires_in: 600 });
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => (await http.revoke(ann.key, id)).task_id),
    );
    expect(new Set(answers)).toEqual(new Set([id]));
    expect(['REVOKED', 'SUCCESS']).toContain((await darkroom.finished(id)).status);
  });

  it('and forgetting others’ tasks is a 404 for users, and kept in the audit log for admins', async () => {
    const id = await post({});
    await darkroom.finished(id);
    const stranger = await person(darkroom, 'stranger');
    for (const [verb, path] of [
      ['POST', `${tasksPath}/${id}/revoke`],
      ['DELETE', `${tasksPath}/${id}`],
      ['POST', `${tasksPath}/${uuidv7()}/revoke`],
      ['DELETE', `${tasksPath}/${uuidv7()}`],
      ['DELETE', `${tasksPath}/no-uuid`],
    ] as const) {
      expect((await problemOf(await http.ask(verb, path, stranger.key), 404)).code).toBe(
        'not_found',
      );
    }
    expect((await http.ask('DELETE', `${tasksPath}/${id}`, darkroom.adminKey)).status).toBe(204);
    const entries = await darkroom.database.query(
      'SELECT action, detail FROM audit_log WHERE target = $1',
      [id],
    );
    expect(entries).toEqual([{ action: 'task.forget', detail: { owner_id: ann.id } }]);
  });

  it('a forgotten task stays, without its result', async () => {
    const id = await post({});
    await darkroom.finished(id);
    for (let n = 0; n < 2; n++) {
      const answer = await http.ask('DELETE', `${tasksPath}/${id}`, ann.key);
      expect([answer.status, await answer.text()]).toEqual([204, '']);
    }
    expect(await darkroom.status(id)).toMatchObject({ status: 'SUCCESS', result: null });
  });

  for (const body of [{ terminate: 'yes' }, { signal: 'SIGKILL' }, [], 'x', null]) {
    it(`refuses ${JSON.stringify(body)}`, async () => {
      const answer = await http.ask('POST', `${tasksPath}/${uuidv7()}/revoke`, ann.key, body);
      expect([400, 422]).toContain(answer.status);
    });
  }
});
