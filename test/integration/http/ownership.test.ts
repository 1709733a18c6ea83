import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { AuditLog } from '../../../src/features/audit/audit-log.js';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import { saveChatHistoryTask } from '../../../src/features/chat-history/chat-history.tasks.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { routesOf } from '../../../src/infrastructure/http/create-http-app.js';
import { about } from '../../support/about.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { addFile, pictureForm } from '../../support/files.js';
import { problemOf } from '../../support/problem.js';
import { ruledRoutes, ruleOf, type RouteRule } from '../../support/route-rules.js';

const small = { prompt: 'CANARY-OWNED', width: 64, height: 64, steps: 1 };
/** Bodies that the routes accept, so that a refusal is about the user. */
const bodies: Record<string, unknown> = {
  'PATCH /api/v1/users/:user_id': { plan: 'standard' },
  'POST /api/v1/users/:user_id/credits': { amount: 1 },
  'PATCH /api/v1/webhooks/:webhook_id': { description: 'x' },
};

interface Route {
  verb: string;
  url: string;
  name: string;
  rule: RouteRule | undefined;
}

/** Ids of what a user owns. */
type Things = Record<string, string>;

interface Person {
  id: string;
  key: string;
  things: Things;
}

describe('what belongs to a user', () => {
  let darkroom: TestDarkroom;
  let routes: Route[];
  let ann: Person;
  let bob: Person;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres');
    routes = routesOf(darkroom.app)
      .all()
      .flatMap(({ url, verbs }) =>
        verbs.map((verb) => ({ verb, url, name: `${verb} ${url}`, rule: ruleOf(verb, url) })),
      );
    [ann, bob] = [await person('ann'), await person('bob')];
  });
  afterAll(() => darkroom.close());

  async function person(name: string): Promise<Person> {
    const { id } = await darkroom.app.get(AuthService).createUser(name, 'user');
    const { id: keyId, key } = await darkroom.app.get(ApiKeys).create(id);
    const things = {
      user_id: id,
      key_id: keyId,
      chat_id: await chat(id),
      file_id: await addFile(darkroom, id),
      ...(await webhook(key)),
      ...(await upload(key)),
      ...(await event(key)),
    };
    return { id, key, things: { ...things, ...(await picture(key)) } };
  }

  async function webhook(key: string): Promise<Things> {
    const path = '/api/v1/webhooks';
    // No name that exists: nothing leaves the machine.
    const { webhook_id } = await json(await ask('POST', path, key, { url: 'https://x.invalid/' }));
    const { delivery_id } = await json(
      await ask('POST', `${path}/${String(webhook_id)}/test`, key),
    );
    return { webhook_id, delivery_id } as Things;
  }

  async function chat(user_id: string): Promise<string> {
    const message = { chat_id: 'mine', user_message: 'CANARY-OWNED', user_id };
    const client = darkroom.app.get(TaskClient);
    const sent = await client.send(darkroom.database.manager, saveChatHistoryTask, message);
    return (await sent.get({ timeoutMs: 30_000 }))!.id;
  }

  async function event(key: string): Promise<Things> {
    const source = { name: 'CANARY-OWNED' };
    const { source_id } = await json(await ask('POST', '/api/v1/event-sources', key, source));
    const data = { task_id: uuidv7(), rating: 5 };
    const sent = { type: 'generation_feedback', data };
    const { event_id } = await json(await ask('POST', '/api/v1/events', key, sent));
    await eventually('the event is over', async () => {
      const { status } = await json(await ask('GET', `/api/v1/events/${String(event_id)}`, key));
      return status !== 'ACCEPTED';
    });
    return { source_id, event_id } as Things;
  }

  async function upload(key: string): Promise<Things> {
    const body = await pictureForm();
    const sent = await darkroom.request('/api/v1/uploads', { method: 'POST', key, body });
    return { upload_id: (await json(sent))['upload_id'] as string };
  }

  async function picture(key: string): Promise<Things> {
    const path = '/api/v1/generate-image';
    const accepted = await json(await ask('POST', path, key, small));
    const task_id = accepted['task_id'] as string;
    const images = await eventually('the picture is made', async () => {
      const { result } = await json(await ask('GET', `/api/v1/generation-status/${task_id}`, key));
      return (result as { images: { image_id: string }[] } | null)?.images;
    });
    return { task_id, image_id: images[0]!.image_id };
  }

  const json = async (answer: Response) => (await answer.json()) as Record<string, unknown>;
  const ask = (verb: string, path: string, key: string, body?: unknown) =>
    darkroom.request(path, {
      method: verb,
      key,
      redirect: 'manual',
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    });
  const send = ({ verb, url, name }: Route, things: Things, key: string) =>
    ask(verb, pathOf(url, things), key, bodies[name]);
  const pathOf = (url: string, things: Things) =>
    url.replace(/:(\w+)/g, (_, name: string) => {
      about(`this test has a ${name}`, () => expect(things[name]).toBeTruthy());
      return things[name]!;
    });
  const unknown = () => Object.fromEntries(Object.keys(ann.things).map((n) => [n, uuidv7()]));
  const having = (rule: RouteRule) => routes.filter((route) => route.rule === rule);
  /** Deleting comes last, and the user at the very end. */
  const deletingLast = (some: Route[]) => some.toSorted((a, b) => lateness(a) - lateness(b));
  const lateness = ({ verb, url }: Route) => {
    if (verb !== 'DELETE' || url.endsWith('favourite')) return 0;
    return url.includes('user_id') ? 2 : 1;
  };

  it('has a rule on every route, and no rule is left over (security 7, 11)', () => {
    expect(routes.filter(({ rule }) => rule === undefined).map(({ name }) => name)).toEqual([]);
    const names = routes.map(({ name }) => name);
    expect(ruledRoutes().filter((name) => !names.includes(name))).toEqual([]);
  });

  it('is named only on routes that are the owner’s or an admin’s', () => {
    // What a service has signed belongs to the user of its source, whose id is no secret.
    const named = routes.filter(
      ({ url, rule }) => url.includes(':') && rule !== 'board' && rule !== 'signed',
    );
    expect(named.length).toBeGreaterThan(10);
    for (const { name, rule } of named) about(name, () => expect(rule).toMatch(/^(owned|admin)$/));
  });

  it('does not exist for another user: the same answer as for an unknown id (security 7)', async () => {
    for (const route of having('owned')) {
      const foreign = await send(route, bob.things, ann.key);
      const none = await send(route, unknown(), ann.key);
      about(`${route.name}: ${foreign.status}`, () => expect(foreign.status).toBe(404));
      expect(none.status).toBe(404);
      if (route.verb === 'HEAD') continue;
      const { correlation_id: _one, ...seen } = await problemOf(foreign, 404, 'not_found');
      const { correlation_id: _other, ...expected } = await problemOf(none, 404, 'not_found');
      about(route.name, () => expect(seen).toEqual(expected));
    }
  });

  it('is refused to users where only admins may go: 403 (security 11)', async () => {
    for (const route of having('admin')) {
      const answer = await send(route, bob.things, ann.key);
      about(`${route.name}: ${answer.status}`, () => expect(answer.status).toBe(403));
      if (route.verb !== 'HEAD') await problemOf(answer, 403, 'forbidden');
    }
    expect(having('admin').length).toBeGreaterThan(5);
  });

  it('is nowhere in what others see of their own (security 7)', async () => {
    const secrets = [...Object.values(bob.things), bob.key];
    for (const route of having('own')) {
      if (!['GET', 'HEAD'].includes(route.verb) || /docs|openapi/.test(route.url)) continue;
      const text = await (await ask(route.verb, route.url, ann.key)).text();
      for (const secret of secrets) about(route.name, () => expect(text).not.toContain(secret));
    }
  });

  it('is for its owner, and for admins, who leave a trace of what they do (security 49)', async () => {
    const theirs = [...having('owned'), ...having('admin')];
    const before = await trace();
    const reads = jest.spyOn(darkroom.app.get(AuditLog), 'reads');
    for (const route of deletingLast(theirs)) {
      const answer = await send(route, bob.things, darkroom.adminKey);
      const done = [200, 201, 202, 204].includes(answer.status);
      about(`${route.name}: ${answer.status} ${await answer.text()}`, () =>
        expect(done).toBe(true),
      );
    }
    const changes = theirs.filter(({ verb }) => !['GET', 'HEAD'].includes(verb));
    expect((await trace()) - before).toBe(changes.length);
    const looked = new Set(reads.mock.calls.map(([, { action }]) => action));
    expect([...looked].toSorted()).toEqual([
      'chat.read',
      'credits.read',
      'event.read',
      'feedback.list',
      'file.read',
      'image.read',
      'task.read',
      'upload.read',
      'user.read',
      'users.list',
      'webhook.read',
    ]);
    reads.mockClear();
    for (const route of deletingLast(having('owned'))) {
      const answer = await send(route, ann.things, ann.key);
      // Whoever revokes the key in use is out.
      const done = [200, 201, 202, 204].includes(answer.status);
      about(`${route.name}: ${answer.status}`, () => expect(done).toBe(true));
      if (route.url.includes('key_id'))
        ann.key = (await darkroom.app.get(ApiKeys).create(ann.id)).key;
    }
  });

  async function trace(): Promise<number> {
    const [{ n }] = await darkroom.database.query('SELECT count(*)::int AS n FROM audit_log');
    return n as number;
  }
});
