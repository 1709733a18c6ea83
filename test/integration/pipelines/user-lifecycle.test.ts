import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { EventList } from '../../../src/features/events/events.dto.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { openReceiver, type HookReceiver } from '../../support/hook-receiver.js';
import { openMailbox, tokenIn, type Mailbox } from '../../support/mailbox.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { badFieldsOf } from '../../support/problem.js';

onBothQueueEngines('the lifecycle of a user', (engine) => {
  const email = 'new.user@example.com';
  const password = 'correct horse battery';
  let darkroom: TestDarkroom;
  let mailbox: Mailbox;
  let receiver: HookReceiver;
  let key: string;
  beforeAll(async () => {
    mailbox = await openMailbox();
    receiver = await openReceiver();
    darkroom = await startDarkroom(engine, {
      settings: {
        smtpUrl: mailbox.url,
        webhookAllowHttp: true,
        webhookAllowedHosts: ['127.0.0.1'],
        creditsLowAt: 1_000_000,
      },
    });
  });
  afterAll(async () => {
    await darkroom.close();
    await mailbox.close();
    receiver.close();
  });

  const subjects = () =>
    mailbox.mails.filter((mail) => mail.recipients.includes(email)).map(({ subject }) => subject);
  const events = async (): Promise<EventList['events']> => {
    const answer = await darkroom.request('/api/v1/events?type=user_lifecycle', { key });
    return ((await answer.json()) as EventList).events;
  };
  const processed = (n: number) =>
    eventually(`${n} events are processed`, async () => {
      const found = await events();
      return found.length === n && found.every(({ status }) => status === 'PROCESSED') && found;
    });
  const withKey = () => ({ authorization: `Bearer ${key}` });

  it('begins with a mail to confirm the address, which no event has', async () => {
    const answer = await darkroom.post('/api/v1/users/register', { email, password });
    const { task_id } = (await answer.json()) as { task_id: string };
    const mail = await mailbox.mailTo(email, 'Confirm');
    expect(mail.messageId).toContain(task_id);
    const token = tokenIn(mail.text);
    await eventually('the event is processed', async () => {
      const [event] = await darkroom.database.query(`SELECT status FROM events`);
      return event.status === 'PROCESSED';
    });
    for (const table of ['events', 'event_nodes', 'event_runs', 'event_documents']) {
      const text = JSON.stringify(await darkroom.database.query(`SELECT t::text FROM ${table} t`));
      expect(text).not.toContain(email);
      expect(text).not.toContain(token.split('.')[1]);
    }
    const verified = await darkroom.post('/api/v1/users/verify', { token });
    expect(verified.status).toBe(201);
    await mailbox.mailTo(email, 'ready');
    const login = await darkroom.post('/api/v1/auth/login', { email, password });
    key = ((await login.json()) as { access_token: string }).access_token;
    await processed(1);
    expect(subjects()).toHaveLength(2);
  });

  it('tells of few credits once, by mail and by webhook', async () => {
    const hook = { url: receiver.url, events: ['credits.low'] };
    expect((await darkroom.post('/api/v1/webhooks', hook, withKey())).status).toBe(201);
    for (let n = 0; n < 2; n++) {
      const small = { prompt: 'x', width: 64, height: 64, steps: 1 };
      const answer = await darkroom.post('/api/v1/generate-image', small, withKey());
      const { task_id } = (await answer.json()) as { task_id: string };
      await darkroom.finished(task_id);
      await eventually('its end is followed', async () => {
        const [followed] = await darkroom.database.query(
          `SELECT FROM tasks WHERE name = 'generation_ended_task' AND state = 'SUCCESS'
            AND payload->>'task_id' = $1`,
          [task_id],
        );
        return followed !== undefined;
      });
    }
    await mailbox.mailTo(email, 'credits');
    await eventually('the webhook is told', () => receiver.received[0]);
    await processed(2);
    expect(receiver.received.map(({ body }) => body)).toMatchObject([
      { type: 'credits.low', data: { balance: 99 } },
    ]);
    expect(subjects()).toHaveLength(3);
  });

  it('is told once, though its events run again', async () => {
    const before = await events();
    for (const { event_id } of before) {
      const path = `/api/v1/events/${event_id}/reprocess`;
      expect((await darkroom.post(path, {}, withKey())).status).toBe(202);
    }
    await processed(before.length);
    await eventually('no mail waits', async () => {
      const open = await darkroom.database.query(
        `SELECT FROM tasks WHERE finished_at IS NULL AND name IN ('send_email_task', 'deliver_webhook_task')`,
      );
      return open.length === 0;
    });
    expect(subjects()).toHaveLength(3);
    expect(receiver.received).toHaveLength(1);
  });

  it('is Darkroom’s to tell', async () => {
    const event = { type: 'user_lifecycle', data: { kind: 'verified' } };
    expect(await badFieldsOf(await darkroom.post('/api/v1/events', event))).toEqual(['type']);
  });
});
