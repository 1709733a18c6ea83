import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { inTransaction } from '../../../src/infrastructure/database/transaction.js';
import { WebhookEvents } from '../../../src/features/webhooks/webhook-events.js';
import type { WebhookEvent } from '../../../src/features/webhooks/webhook-event.js';
import type { DeliveryList, WholeDelivery } from '../../../src/features/webhooks/deliveries.dto.js';
import type { MadeWebhook, Webhook } from '../../../src/features/webhooks/webhooks.dto.js';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { MaintenanceService } from '../../../src/features/maintenance/maintenance.service.js';
import { TaskHints } from '../../../src/tasks/hints/task-hints.js';
import { QueuePurge } from '../../../src/tasks/operations/queue-purge.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { atTestEnd } from '../../support/at-test-end.js';
import { startWorkerOf } from '../../support/worker-of.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { answering, startReceiver, type HookReceiver } from '../../support/hook-receiver.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { problemOf } from '../../support/problem.js';

const settings = { webhookAllowHttp: true, webhookAllowedHosts: ['127.0.0.1'] };

/** A user of a test, and what it does with its webhooks. */
async function userOf(darkroom: TestDarkroom) {
  const key = await darkroom.newUserKey(`user ${uuidv7()}`);
  const ask = (method: string, path = '', body?: unknown) =>
    darkroom.request(`/api/v1/webhooks${path}`, {
      method,
      key,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    });
  const read = async <T>(path = '') => (await (await ask('GET', path)).json()) as T;
  const { id } = (await (await darkroom.request('/api/v1/users/me', { key })).json()) as {
    id: string;
  };
  const announce = (event: Partial<WebhookEvent> = {}) =>
    inTransaction(darkroom.database, (tx) =>
      darkroom.app.get(WebhookEvents).announce(tx, {
        type: 'task.succeeded',
        userId: id,
        key: uuidv7(),
        data: { task_id: uuidv7(), status: 'SUCCESS' },
        ...event,
      }),
    );
  const deliveries = async (query = '') =>
    (await read<DeliveryList>(`/deliveries${query}`)).deliveries;
  /** Ends the wait of all retries, and of all hosts that are left alone. */
  const hurry = async () => {
    await darkroom.database.query('DELETE FROM webhook_pauses');
    await darkroom.database.query(
      `UPDATE tasks SET run_at = now()
        WHERE name = 'deliver_webhook_task' AND run_at > now() AND finished_at IS NULL`,
    );
    const waiting = await darkroom.database.query<{ id: string }[]>(
      `SELECT id FROM tasks WHERE name = 'deliver_webhook_task' AND state IN ('PENDING', 'RETRY')`,
    );
    const hints = darkroom.app.get(TaskHints).of('low_priority');
    for (const { id: task } of waiting) {
      // It is no longer delayed, if a worker has looked by itself.
      await (await hints.getJob(task))?.promote().catch(() => {});
    }
  };
  return {
    id,
    ask,
    read,
    announce,
    deliveries,
    make: async (receiver: Pick<HookReceiver, 'url'>, more: object = {}) => {
      const made = await ask('POST', '', { url: receiver.url, ...more });
      expect(made.status).toBe(201);
      return (await made.json()) as MadeWebhook;
    },
    /** The newest delivery, once it is so. */
    newest: (state: string) =>
      eventually(`the newest delivery is ${state}`, async () => {
        const [newest] = await deliveries();
        return newest?.state === state && newest;
      }),
    hurry,
    /** The newest delivery, once it is so, without waiting for its turn. */
    becomes: (state: string) =>
      eventually(`the newest delivery is ${state}`, async () => {
        await hurry();
        const [newest] = await deliveries();
        return newest?.state === state && newest;
      }),
  };
}

onBothQueueEngines('webhooks', (engine) => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom(engine, { settings });
  });
  afterAll(() => darkroom.close());

  it('tell the endpoints that want to know, once, signed with the secret of each (security 24)', async () => {
    const [one, other] = [await startReceiver(), await startReceiver()];
    const user = await userOf(darkroom);
    const made = await user.make(one, { events: ['task.succeeded', 'task.failed'] });
    await user.make(other, { events: ['task.failed'] });
    await user.make(one, { enabled: false });
    const stranger = await userOf(darkroom);
    await stranger.make(other);

    const key = uuidv7();
    for (let n = 0; n < 2; n++) await user.announce({ key });
    await eventually('it is told', () => one.received.length === 1);
    await user.announce({ type: 'task.failed', data: { task_id: 'x', status: 'FAILURE' } });
    await eventually('both are told', () => one.received.length === 2);
    await eventually('both are told', () => other.received.length === 1);

    const [{ headers, text, body }] = one.received as [(typeof one.received)[0]];
    new StandardWebhook(made.secret).verify(text, headers as Record<string, string>);
    expect(one.genuine(made.secret)).toHaveLength(2);
    expect(other.genuine(made.secret)).toEqual([]);
    expect(body).toMatchObject({ type: 'task.succeeded', data: { status: 'SUCCESS' } });
    expect(one.received[1]!.body.sequence).toBeGreaterThan(body.sequence);
    expect(Date.parse(body.timestamp)).toBeCloseTo(body.sequence / 1_000, -1);

    const delivered = await user.newest('delivered');
    expect(delivered.attempts).toMatchObject([{ number: 1, response_status: 204, error: null }]);
    const { webhook_id, last_success_at } = await user.read<Webhook>(`/${made.webhook_id}`);
    expect([webhook_id, last_success_at]).toEqual([made.webhook_id, expect.any(String)]);
  });

  it.each(['revoked', 'purged', 'expired'])(
    'whose task is %s are dead, and can be replayed',
    async (how) => {
      const hints = darkroom.app.get(TaskHints).of('low_priority');
      const receiver = await startReceiver();
      const user = await userOf(darkroom);
      await user.make(receiver);
      await hints.pause();
      await user.announce();
      const { delivery_id } = await user.newest('waiting');
      const [{ id }] = await darkroom.database.query(
        `SELECT id FROM tasks WHERE payload->>'delivery_id' = $1`,
        [delivery_id],
      );
      if (how === 'revoked') await darkroom.app.get(TaskClient).revoke(id as string);
      if (how === 'purged') await darkroom.app.get(QueuePurge).purge(['low_priority']);
      if (how === 'expired') {
        await darkroom.database.query('UPDATE tasks SET expires_at = now() WHERE id = $1', [id]);
      }
      await hints.resume();
      await eventually('its task is over', async () => {
        const [task] = await darkroom.database.query('SELECT state FROM tasks WHERE id = $1', [id]);
        return task.state === 'REVOKED';
      });
      const [dead] = await user.deliveries();
      expect(dead).toMatchObject({ state: 'dead', error: how, finished_at: expect.any(String) });
      expect(receiver.received).toEqual([]);
      await user.ask('POST', `/deliveries/${delivery_id}/replay`);
      await user.newest('delivered');
    },
  );

  it('are tried again, with the same id, until the receiver takes them', async () => {
    const receiver = await startReceiver();
    receiver.behave(answering(500, {}, 'not today'));
    const user = await userOf(darkroom);
    const made = await user.make(receiver);
    await user.announce();
    const waiting = await eventually('one attempt has failed', async () => {
      const [newest] = await user.deliveries('?state=waiting');
      return newest?.attempts.length === 1 && newest;
    });
    expect(waiting).toMatchObject({ error: 'http_status', next_attempt_at: expect.any(String) });
    receiver.behave(answering(200));
    await user.becomes('delivered');
    expect(receiver.received).toHaveLength(2);
    expect(new Set(receiver.genuine(made.secret))).toEqual(new Set([`msg_${waiting.delivery_id}`]));

    const whole = await user.read<WholeDelivery>(`/deliveries/${waiting.delivery_id}`);
    expect(whole.attempts.map(({ response_status: s, response }) => [s, response])).toEqual([
      [500, 'not today'],
      [200, ''],
    ]);
    expect(whole.body).toBe(receiver.received[0]!.text);
  });

  it('keep their secrets encrypted, and sign with the old one as well for a day (security 24)', async () => {
    const receiver = await startReceiver();
    const user = await userOf(darkroom);
    const made = await user.make(receiver);
    const rotated = (await (
      await user.ask('POST', `/${made.webhook_id}/rotate-secret`)
    ).json()) as { secret: string };
    await user.ask('POST', `/${made.webhook_id}/test`);
    await user.newest('delivered');
    expect(receiver.genuine(made.secret)).toEqual(receiver.genuine(rotated.secret));
    expect(receiver.genuine(rotated.secret)).toHaveLength(1);
    expect(receiver.received[0]!.body.type).toBe('ping');

    await darkroom.database.query(`UPDATE webhook_endpoints SET previous_until = now()`);
    await user.ask('POST', `/${made.webhook_id}/test`);
    await eventually('it is sent', () => receiver.received.length === 2);
    expect(receiver.genuine(made.secret)).toHaveLength(1);
    expect(receiver.genuine(rotated.secret)).toHaveLength(2);
    const rows = await darkroom.database.query(
      `SELECT encode(secret, 'escape') AS secret FROM webhook_endpoints`,
    );
    const read = JSON.stringify([rows, await user.read(), await user.read(`/${made.webhook_id}`)]);
    for (const { secret } of [made, rotated]) expect(read).not.toContain(secret.slice(6, 30));
  });

  it('go to the address of a generation, signed with the secret of the account (security 24)', async () => {
    const receiver = await startReceiver();
    const user = await userOf(darkroom);
    await user.announce({ url: receiver.url, key: 'a' });
    await user.announce({ url: receiver.url, key: 'a' });
    await user.newest('delivered');
    const { secret } = await user.read<{ secret: string }>('/secret');
    expect(receiver.genuine(secret)).toHaveLength(1);
    const rotated = (await (await user.ask('POST', '/rotate-secret')).json()) as {
      secret: string;
    };
    expect(await user.read('/secret')).toEqual({ secret: rotated.secret });
    await user.announce({ url: receiver.url });
    await eventually('it is sent', () => receiver.received.length === 2);
    expect([receiver.genuine(secret).length, receiver.genuine(rotated.secret).length]).toEqual([
      2, 1,
    ]);
    expect((await user.deliveries())[0]).toMatchObject({ webhook_id: null, url: receiver.url });
  });

  it('do not hold up other tasks while a receiver hangs, nor the other endpoints', async () => {
    const [dead, well] = [await startReceiver(), await startReceiver()];
    let [open, most] = [0, 0];
    dead.behave((response) => {
      most = Math.max(most, ++open);
      response.once('close', () => open--);
    });
    const user = await userOf(darkroom);
    await user.make(dead);
    for (let n = 0; n < 10; n++) await user.announce();
    await eventually('it hangs', () => dead.received.length > 0);
    await user.make(well);
    for (let n = 0; n < 10; n++) await user.announce();
    await eventually('the other one has all', () => well.received.length === 10);
    // One at a time, each for 15 seconds.
    expect(most).toBe(1);
    expect(dead.received.length).toBeLessThan(10);
  });

  it('are sent again, with the same id, when the worker is killed before it has stored the answer', async () => {
    const own = await startDarkroom(engine, { settings, workers: false });
    atTestEnd(() => own.close());
    const receiver = await startReceiver();
    const doomed = startWorkerOf(own, 'test/support/doomed-worker.js', {
      DIE_WHEN: 'posted',
      WEBHOOK_ALLOW_HTTP: 'true',
      WEBHOOK_ALLOWED_HOSTS: '127.0.0.1',
    });
    await doomed.says('Serving');
    const user = await userOf(own);
    const made = await user.make(receiver);
    await user.announce();
    expect(await doomed.ended()).toBe('SIGKILL');
    own.startWorkers();
    const { delivery_id: id, attempts } = await user.newest('delivered');
    expect(receiver.genuine(made.secret)).toEqual([`msg_${id}`, `msg_${id}`]);
    expect(attempts).toHaveLength(1);
  });
});

describe('webhooks', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { settings });
  });
  afterAll(() => darkroom.close());

  it('leave a receiver in trouble alone for a while', async () => {
    const receiver = await startReceiver();
    receiver.behave(answering(503, { 'retry-after': '3600' }));
    const user = await userOf(darkroom);
    await user.make(receiver);
    for (let n = 0; n < 5; n++) await user.announce();
    await eventually('the others wait', async () => {
      const [{ n }] = await darkroom.database.query(
        `SELECT count(*)::int AS n FROM tasks WHERE name = 'deliver_webhook_task'
            AND finished_at IS NULL AND run_at > now() + interval '30 minutes'`,
      );
      return n === 5;
    });
    expect(receiver.received).toHaveLength(1);
    receiver.behave(answering(200));
    await eventually('all are told', async () => {
      await user.hurry();
      return (await user.deliveries('?state=delivered')).length === 5;
    });
  });

  it('end for an endpoint that is gone, and for one that has only failed for five days', async () => {
    const receiver = await startReceiver();
    receiver.behave(answering(410));
    const user = await userOf(darkroom);
    const { webhook_id: id } = await user.make(receiver);
    await user.announce();
    expect(await user.newest('dead')).toMatchObject({ error: 'gone', webhook_id: id });
    const gone = { enabled: false, disabled_reason: 'gone' };
    expect(await user.read(`/${id}`)).toMatchObject(gone);
    await user.announce();
    expect(receiver.received).toHaveLength(1);

    const fresh = await user.ask('PATCH', `/${id}`, { enabled: true });
    expect(await fresh.json()).toMatchObject({
      enabled: true,
      disabled_reason: null,
      failing_since: null,
    });
    receiver.behave(answering(500));
    await darkroom.database.query(
      `UPDATE webhook_endpoints SET failures = 9, failing_since = now() - interval '6 days'`,
    );
    await user.announce();
    const failing = await eventually('it is disabled', async () => {
      const now = await user.read<Webhook>(`/${id}`);
      return !now.enabled && now;
    });
    expect(failing).toMatchObject({
      disabled_reason: 'failing',
      last_failure_at: expect.any(String),
    });
    expect(await user.becomes('dead')).toMatchObject({ error: 'endpoint_disabled' });
    expect(receiver.received).toHaveLength(2);
  });

  it('are dead after the last attempt, and can be replayed', async () => {
    const receiver = await startReceiver();
    receiver.behave(answering(500));
    const user = await userOf(darkroom);
    await user.make(receiver);
    await user.announce();
    for (let n = 1; n <= 8; n++) {
      await eventually(`attempt ${n} was made`, async () => {
        await user.hurry();
        return (await user.deliveries())[0]!.attempts.length >= n;
      });
    }
    const { delivery_id: id } = await user.newest('dead');
    receiver.behave(answering(200));
    expect((await user.ask('POST', `/deliveries/${id}/replay`)).status).toBe(202);
    const replayed = await user.newest('delivered');
    expect([replayed.delivery_id, replayed.attempts.length]).toEqual([id, 9]);
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids)).toEqual(new Set([`msg_${id}`]));
  });

  it('leave a receiver alone that answers slowly, until it has rested', async () => {
    const receiver = await startReceiver();
    receiver.behave((response) => void setTimeout(() => response.writeHead(204).end(), 1_100));
    const user = await userOf(darkroom);
    await user.make(receiver);
    await user.announce();
    await user.newest('delivered');
    receiver.behave(answering(204));
    await user.announce();
    await eventually('the second waits', async () => {
      const waiting = await darkroom.database.query(
        `SELECT FROM tasks WHERE error->>'code' = 'receiver_in_trouble' AND finished_at IS NULL`,
      );
      return waiting.length > 0;
    });
    expect(receiver.received).toHaveLength(1);
    await eventually('it is told after the rest', async () => {
      await user.hurry();
      return receiver.received.length === 2;
    });
  });

  it('send the latest progress, once, and none that is old', async () => {
    const receiver = await startReceiver();
    const user = await userOf(darkroom);
    const { webhook_id: id } = await user.make(receiver);
    await darkroom.database.query(
      `INSERT INTO webhook_pauses VALUES ($1, $2, 1, now() + interval '1 hour')`,
      [id, new URL(receiver.url).host],
    );
    const key = uuidv7();
    const progress = (percent: number) =>
      user.announce({ type: 'task.progress', key, data: { task_id: key, percent } });
    for (const percent of [10, 20, 30]) await progress(percent);
    await eventually('it waits', async () => (await user.deliveries()).length === 1);
    await eventually('it is sent', async () => {
      await user.hurry();
      return receiver.received.length === 1;
    });
    expect(receiver.received[0]!.body.data).toEqual({ task_id: key, percent: 30 });
    await user.newest('delivered');

    receiver.behave(answering(500));
    await progress(40);
    expect(await user.newest('dead')).toMatchObject({ error: 'http_status' });
    expect(await user.deliveries()).toHaveLength(2);
  });

  it('forget nothing that a transaction has announced, and nothing else', async () => {
    const receiver = await startReceiver();
    const user = await userOf(darkroom);
    await user.make(receiver);
    const events = darkroom.app.get(WebhookEvents);
    const event = { userId: user.id, key: 'x', data: {} };
    await expect(
      inTransaction(darkroom.database, async (tx) => {
        await events.announce(tx, { ...event, type: 'task.failed' });
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    for (let n = 0; n < 3; n++) events.announceSoon({ ...event, type: 'task.progress' });
    events.announceSoon({ ...event, type: 'task.started', userId: uuidv7() });
    await user.newest('delivered');
    expect(receiver.received.map(({ body }) => body.type)).toEqual(['task.progress']);
  });

  it('store no more than a thousand that wait for a user', async () => {
    const user = await userOf(darkroom);
    const receiver = await startReceiver();
    const { webhook_id: id } = await user.make(receiver);
    await darkroom.database.query(
      `INSERT INTO webhook_deliveries (id, user_id, lane_id, type, event_key, body, state)
       SELECT gen_random_uuid(), $1, $2, 'task.failed', n::text, '{}', 'waiting' FROM generate_series(1, 1000) n`,
      [user.id, id],
    );
    await user.announce({ key: 'one more' });
    const [dead] = await user.deliveries('?state=dead');
    expect(dead).toMatchObject({ error: 'too_many_waiting', attempts: [] });
    await problemOf(await user.ask('POST', `/${id}/test`), 429, 'too_many_deliveries');
    await problemOf(
      await user.ask('POST', `/deliveries/${dead!.delivery_id}/replay`),
      429,
      'too_many_deliveries',
    );
    expect(receiver.received).toEqual([]);
  });

  it('are listed page by page, and are ten at most', async () => {
    const user = await userOf(darkroom);
    const receiver = await startReceiver();
    const { webhook_id: id } = await user.make(receiver);
    for (let n = 0; n < 3; n++) await user.announce();
    const first = await user.read<DeliveryList>(`/${id}/deliveries?limit=2`);
    const second = await user.read<DeliveryList>(
      `/${id}/deliveries?limit=2&cursor=${first.next_cursor}`,
    );
    expect([first.deliveries.length, second.deliveries.length, second.next_cursor]).toEqual([
      2,
      1,
      null,
    ]);
    expect((await user.ask('GET', '/deliveries?state=lost')).status).toBe(422);
    for (let n = 0; n < 9; n++) await user.make(receiver);
    await problemOf(await user.ask('POST', '', { url: receiver.url }), 409, 'too_many_webhooks');
    expect((await user.ask('DELETE', `/${id}`)).status).toBe(204);
    expect((await user.ask('GET', `/${id}`)).status).toBe(404);
    expect(await user.deliveries()).toHaveLength(3);
    await user.make(receiver);
  });

  it('are refused for addresses that are not public (security 23)', async () => {
    const user = await userOf(darkroom);
    const made = await user.make({ url: 'https://example.com/' });
    for (const url of [
      'http://10.0.0.1/',
      'https://user@example.com/',
      'ftp://example.com/',
      'x',
    ]) {
      await problemOf(await user.ask('POST', '', { url }), 422, 'invalid_fields');
      await problemOf(
        await user.ask('PATCH', `/${made.webhook_id}`, { url }),
        422,
        'invalid_fields',
      );
    }
    await user.announce({ url: 'no address at all' });
    await eventually('it is refused', async () => {
      const found = await user.deliveries();
      return found.some(
        ({ url, error }) => url === 'no address at all' && error === 'address_refused',
      );
    });
  });

  it('cannot be signed with a secret of another server, until it is rotated', async () => {
    const receiver = await startReceiver();
    const user = await userOf(darkroom);
    const { webhook_id: id } = await user.make(receiver);
    await user.read('/secret');
    for (const table of ['webhook_endpoints', 'webhook_default_secrets']) {
      await darkroom.database.query(`UPDATE ${table} SET secret = decode(repeat('00', 60), 'hex')`);
    }
    await user.announce();
    expect(await user.newest('dead')).toMatchObject({ error: 'secret_unreadable' });
    await problemOf(await user.ask('GET', '/secret'), 409, 'secret_unreadable');
    await user.ask('POST', '/rotate-secret');
    expect((await user.ask('GET', '/secret')).status).toBe(200);
    const rotated = await user.ask('POST', `/${id}/rotate-secret`);
    const { secret } = (await rotated.json()) as { secret: string };
    await user.announce();
    await eventually('it is sent', () => receiver.genuine(secret).length === 1);
  });

  it('are forgotten after their retention, unless they still wait', async () => {
    const user = await userOf(darkroom);
    await darkroom.database.query(
      `INSERT INTO webhook_deliveries (id, user_id, lane_id, type, event_key, body, state, created_at)
       SELECT gen_random_uuid(), $1, $1, 'task.failed', key, '{}', state, now() - age * interval '1 day'
         FROM (VALUES ('old', 'dead', 31), ('young', 'dead', 29), ('open', 'waiting', 31)) AS d (key, state, age)`,
      [user.id],
    );
    await darkroom.database.query(
      `INSERT INTO webhook_pauses VALUES ($1, 'old', 1, now() - interval '2 days'), ($1, 'new', 1, now())`,
      [user.id],
    );
    const deleted = await darkroom.app
      .get(MaintenanceService)
      .deleteOldRows(new AbortController().signal);
    expect(deleted).toMatchObject({ webhook_deliveries: 1, webhook_pauses: 1 });
    expect(await user.deliveries()).toHaveLength(2);
  });

  it('go with the account', async () => {
    const receiver = await startReceiver();
    receiver.behave(answering(500));
    const user = await userOf(darkroom);
    await user.make(receiver);
    await user.announce({ url: receiver.url });
    await user.read('/secret');
    await eventually('both have failed', () => receiver.received.length === 2);
    const deleted = await darkroom.request(`/api/v1/users/${user.id}`, { method: 'DELETE' });
    expect(deleted.status).toBeLessThan(300);
    await eventually('nothing is left', async () => {
      const left = await darkroom.database.query(
        `SELECT FROM webhook_endpoints WHERE user_id = $1
         UNION ALL SELECT FROM webhook_deliveries WHERE user_id = $1
         UNION ALL SELECT FROM webhook_default_secrets WHERE user_id = $1`,
        [user.id],
      );
      return left.length === 0;
    });
    await eventually('its tasks find nothing to do', async () => {
      await user.hurry();
      const open = await darkroom.database.query(
        `SELECT FROM tasks WHERE name = 'deliver_webhook_task' AND finished_at IS NULL`,
      );
      return open.length === 0;
    });
    expect(receiver.received).toHaveLength(2);
  });
});
