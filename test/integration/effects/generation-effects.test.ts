import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CreditGrants } from '../../../src/features/credits/credit-grants.js';
import { generationEndedTask } from '../../../src/features/image-generation/generation-ended.task.js';
import { generateImageTask } from '../../../src/features/image-generation/image-generation.tasks.js';
import { TaskHints } from '../../../src/tasks/hints/task-hints.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { answering, openReceiver, type HookReceiver } from '../../support/hook-receiver.js';
import { openMailbox, type Mailbox } from '../../support/mailbox.js';
import { makeDue } from '../../support/make-due.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { problemOf } from '../../support/problem.js';

const small = { width: 64, height: 64, steps: 1 };

interface Message {
  task_id: string | null;
  outcome: string;
}

onBothQueueEngines('the effects of a generation', (engine) => {
  let darkroom: TestDarkroom;
  let mailbox: Mailbox;
  let receiver: HookReceiver;
  let userId: string;
  beforeAll(async () => {
    mailbox = await openMailbox();
    receiver = await openReceiver();
    darkroom = await startDarkroom(engine, {
      sketch: { stepMs: 20 },
      settings: {
        smtpUrl: mailbox.url,
        webhookAllowHttp: true,
        webhookAllowedHosts: ['127.0.0.1'],
      },
    });
    const [user] = await darkroom.database.query(
      `UPDATE users SET email = 'admin@example.com' RETURNING id`,
    );
    userId = user[0].id;
  });
  afterAll(async () => {
    await darkroom.close();
    await mailbox.close();
    receiver.close();
  });

  const told = (id: string, type: string) =>
    receiver.received.filter(({ body }) => body.type === type && body.data['task_id'] === id);
  const hook = (id: string, type: string) =>
    eventually(`${type} of ${id} is told`, () => told(id, type)[0]);
  const wishes = (more: Record<string, unknown> = {}) => ({
    prompt: 'a lighthouse & "a boat"',
    ...small,
    webhook_url: receiver.url,
    notify_email: true,
    ...more,
  });
  /** The entry of a task in the history of a chat. */
  const entries = async (chat: string, id: string): Promise<Message[]> => {
    const response = await darkroom.request(`/api/v1/chats/${chat}/messages`);
    if (response.status === 404) return [];
    const { messages } = (await response.json()) as { messages: Message[] };
    return messages.filter((message) => message.task_id === id);
  };
  const mailsAbout = (id: string) =>
    darkroom.database.query(`SELECT template, state FROM mails WHERE key = $1`, [id]);
  const followed = (id: string) =>
    eventually(`${id} is followed up`, async () => {
      const [task] = await darkroom.database.query(
        `SELECT state FROM tasks WHERE name = 'generation_ended_task' AND payload->>'task_id' = $1`,
        [id],
      );
      return task?.state === 'SUCCESS';
    });

  it('are a mail, webhooks and an entry in the chat, each once', async () => {
    const id = await darkroom.generate(wishes({ chat_id: 'sea', character_name: 'Keeper' }));
    const status = await darkroom.finished(id);
    const { body } = await hook(id, 'task.succeeded');
    expect(body.data).toEqual(status);
    const started = await hook(id, 'task.started');
    expect(started.body.data).toMatchObject({ task_id: id, status: 'STARTED', result: null });
    const mail = await mailbox.mailTo('admin@example.com', 'picture');
    expect(mail.html).toContain('a lighthouse &amp; &quot;a boat&quot;');
    expect(mail.text).toContain('a lighthouse & "a boat"');
    await eventually('the history has it', async () => (await entries('sea', id)).length > 0);

    // Whatever runs twice, happens once.
    const task = { task_id: id };
    const again = await darkroom.app
      .get(TaskClient)
      .send(darkroom.database.manager, generationEndedTask, task);
    await again.get({ timeoutMs: 60_000 });
    await eventually('nothing is under way', async () => {
      const open = await darkroom.database.query(
        `SELECT FROM tasks WHERE finished_at IS NULL AND queue = 'low_priority' AND run_at <= now()`,
      );
      return open.length === 0;
    });
    expect(told(id, 'task.succeeded')).toHaveLength(1);
    expect(await mailsAbout(id)).toEqual([{ template: 'picture_ready', state: 'sent' }]);
    expect(await entries('sea', id)).toHaveLength(1);
  });

  it('of one that nobody wants to hear of are none', async () => {
    const id = await darkroom.generate({ prompt: 'quiet', ...small });
    await darkroom.finished(id);
    await followed(id);
    expect(await mailsAbout(id)).toEqual([]);
    const kept = await darkroom.database.query(
      `SELECT FROM tasks WHERE payload->>'task_id' = $1 AND name <> 'generation_ended_task'`,
      [id],
    );
    expect(kept).toEqual([]);
    expect(receiver.received.filter(({ body }) => body.data['task_id'] === id)).toEqual([]);
  });

  it('of one that is revoked are webhooks, and no mail', async () => {
    const id = await darkroom.generate(wishes({ steps: 150, chat_id: 'sea' }));
    await hook(id, 'task.started');
    await eventually('its progress is told', () => told(id, 'task.progress')[0]);
    await darkroom.post(`/api/v1/tasks/${id}/revoke`, {});
    expect((await hook(id, 'task.revoked')).body.data).toMatchObject({
      status: 'REVOKED',
      error: { code: 'revoked' },
    });
    await followed(id);
    expect(await mailsAbout(id)).toEqual([]);
    await eventually('the history has it', async () => (await entries('sea', id)).length > 0);
  });

  it('of one that was not started in time are webhooks and a mail that says so', async () => {
    const wanted = wishes({ prompt: 'too late' });
    const times = { delayMs: 300, expiresInMs: 1 };
    const { id } = await darkroom.app
      .get(TaskClient)
      .send(darkroom.database.manager, generateImageTask, wanted, { ownerId: userId, ...times });
    await darkroom.finished(id);
    expect((await hook(id, 'task.revoked')).body.data['error']).toMatchObject({ code: 'expired' });
    expect(await mailsAbout(id)).toMatchObject([{ template: 'picture_failed' }]);
  });

  it('wait for a receiver and a mail server that are away, and the picture does not', async () => {
    receiver.behave(answering(500));
    mailbox.refusals.push({ code: 451, text: 'not now' });
    const id = await darkroom.generate(wishes({ prompt: 'patience' }));
    expect((await darkroom.finished(id)).status).toBe('SUCCESS');
    await hook(id, 'task.succeeded');
    receiver.behave(answering(204));
    const { database, app } = darkroom;
    const mail = await eventually('the mail will be tried again', async () => {
      const [found] = await database.query(
        `SELECT task.id FROM tasks task JOIN mails mail USING (id)
          WHERE mail.key = $1 AND task.state = 'RETRY'`,
        [id],
      );
      return found as { id: string } | undefined;
    });
    await makeDue(database, app.get(TaskHints), mail.id);
    await eventually('the mail is sent', async () => {
      return (await mailsAbout(id))[0].state === 'sent';
    });
  });

  it('tell once that credits are low, and again after a grant', async () => {
    const grants = darkroom.app.get(CreditGrants, { strict: false });
    const lowMails = () =>
      darkroom.database.query(
        `SELECT id FROM mails WHERE user_id = $1 AND template = 'credits_low'`,
        [userId],
      );
    const draw = async () => {
      const id = await darkroom.generate({ prompt: 'poor', ...small });
      await darkroom.finished(id);
      await followed(id);
      await eventually('the events are processed', async () => {
        const open = await darkroom.database.query(`SELECT FROM events WHERE status = 'ACCEPTED'`);
        return open.length === 0;
      });
    };
    await draw();
    expect(await lowMails()).toEqual([]);
    const balance = async () =>
      ((await (await darkroom.request('/api/v1/credits')).json()) as { balance: number }).balance;
    const grant = (amount: number) => grants.grant(userId, { amount });
    await grant(10 - (await balance()));
    await draw();
    await draw();
    expect(await lowMails()).toHaveLength(1);
    expect((await mailbox.mailTo('admin@example.com', 'credits')).text).toMatch(/\b9\b/);
    await grant(1);
    await draw();
    expect(await lowMails()).toHaveLength(2);
    await grant(1_000);
    await draw();
    expect(await lowMails()).toHaveLength(2);
  });

  describe('a request', () => {
    it('with a webhook that is not allowed is refused, and costs nothing', async () => {
      for (const url of ['http://10.0.0.1/hook', 'ftp://example.com', 'https://u:p@example.com/']) {
        const response = await darkroom.post(
          '/api/v1/generate-image/',
          wishes({ webhook_url: url }),
        );
        const problem = await problemOf(response, 422, 'invalid_fields');
        expect(problem.errors?.map(({ path }) => path)).toEqual(['webhook_url']);
      }
    });
  });
});
