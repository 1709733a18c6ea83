import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { AcceptedEvent, ShownEvent } from '../../../src/features/events/events.dto.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { openReceiver, type HookReceiver } from '../../support/hook-receiver.js';
import { openMailbox, type Mailbox } from '../../support/mailbox.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { badFieldsOf } from '../../support/problem.js';

interface ChatMessage {
  task_id: string;
  user_message: string;
  bot_response: string | null;
  status: string;
  images: unknown[];
}

onBothQueueEngines('a request for a photo', (engine) => {
  let darkroom: TestDarkroom;
  let mailbox: Mailbox;
  let receiver: HookReceiver;
  let key: string;
  let userId: string;
  const address = 'asker@example.com';
  beforeAll(async () => {
    mailbox = await openMailbox();
    receiver = await openReceiver();
    darkroom = await startDarkroom(engine, {
      sketch: { stepMs: 20 },
      settings: {
        smtpUrl: mailbox.url,
        webhookAllowHttp: true,
        webhookAllowedHosts: ['127.0.0.1'],
        blockedWords: ['chainsaw'],
      },
    });
    key = await darkroom.newUserKey('asker');
    const [user] = await darkroom.database.query(
      `UPDATE users SET email = $1 WHERE name = 'asker' RETURNING id`,
      [address],
    );
    userId = user[0].id;
  });
  afterAll(async () => {
    await darkroom.close();
    await mailbox.close();
    receiver.close();
  });

  let n = 0;
  const requestFor = (message: string, more: Record<string, unknown> = {}) => ({
    type: 'photo_request',
    data: {
      chat_id: `chat-${++n}`,
      message,
      character: { name: 'Mia', appearance: 'red hair', style: 'watercolour', negative: 'hat' },
      width: 64,
      height: 64,
      steps: 1,
      notify_email: true,
      webhook_url: receiver.url,
      ...more,
    },
  });
  const send = async (event: ReturnType<typeof requestFor>): Promise<AcceptedEvent> => {
    const response = await darkroom.post('/api/v1/events', event, {
      authorization: `Bearer ${key}`,
    });
    expect({ status: response.status, body: await response.clone().text() }).toMatchObject({
      status: 202,
    });
    return (await response.json()) as AcceptedEvent;
  };
  const read = async (id: string): Promise<ShownEvent> =>
    (await (await darkroom.request(`/api/v1/events/${id}`, { key })).json()) as ShownEvent;
  const processed = ({ event_id }: AcceptedEvent): Promise<ShownEvent> =>
    eventually(`the event ${event_id} is over`, async () => {
      const event = await read(event_id);
      return event.finished_at !== null && event;
    });
  const node = (event: ShownEvent, name: string) =>
    event.task_context.nodes.find((one) => one.node === name)!;
  const chat = async (id: string): Promise<ChatMessage[]> => {
    const response = await darkroom.request(`/api/v1/chats/${id}/messages`, { key });
    if (response.status === 404) return [];
    return ((await response.json()) as { messages: ChatMessage[] }).messages;
  };
  const told = (type: string, about: Record<string, unknown>) =>
    receiver.received.filter(
      ({ body }) =>
        body.type === type &&
        Object.entries(about).every(([name, value]) => body.data[name] === value),
    );
  const mailsWith = (text: string) => mailbox.mails.filter((mail) => mail.text?.includes(text));
  const quiet = () =>
    eventually('nothing is under way', async () => {
      const open = await darkroom.database.query(
        `SELECT FROM tasks WHERE finished_at IS NULL AND run_at <= now() + interval '1 minute'`,
      );
      return open.length === 0;
    });

  it('becomes a picture, one entry in the chat, one mail and one webhook', async () => {
    const event = requestFor('Show me the <lora:evil:1> __pier__!');
    const chatId = event.data.chat_id;
    const first = await processed(await send(event));
    expect(first).toMatchObject({ status: 'PROCESSED', error: null });
    expect(node(first, 'prompt').output).toEqual({
      prompt: 'watercolour, Mia, red hair, Show me the lora:evil:1 _pier_!',
      negative_prompt: 'hat',
    });
    expect(node(first, 'safety').output).toBe('allowed');
    const image = node(first, 'image');
    expect(image.output).toMatchObject({ images: [{ width: 64 }] });
    for (const name of ['failure', 'unsafe', 'rejected', 'save', 'notify']) {
      expect(node(first, name).state).toBe('SKIPPED');
    }
    const id = image.task_id!;
    await eventually('the chat has it', async () => (await chat(chatId)).length > 0);
    await eventually('it is told', () => told('task.succeeded', { task_id: id })[0]);
    await mailbox.mailTo(address, 'picture');
    await quiet();
    expect(await chat(chatId)).toMatchObject([
      { task_id: id, user_message: 'Show me the <lora:evil:1> __pier__!', status: 'SUCCESS' },
    ]);
    expect(told('task.succeeded', { task_id: id })).toHaveLength(1);
    expect(mailsWith('Show me the <lora')).toHaveLength(1);
    const [charged] = await darkroom.database.query(
      `SELECT count(*)::int AS n FROM credit_entries WHERE task_id = $1 AND kind = 'capture'`,
      [id],
    );
    expect(charged.n).toBe(1);

    // The next one knows what was said before, from the chat and from the request.
    const next = requestFor('And closer?', {
      chat_id: chatId,
      messages: [{ role: 'character', text: 'In the rain?' }],
    });
    const second = await processed(await send(next));
    expect(node(second, 'prompt').output).toMatchObject({
      prompt:
        'watercolour, Mia, red hair, And closer?, In the rain?, Show me the lora:evil:1 _pier_!',
    });
  });

  it('that is not safe is answered in the chat, by mail and by webhook, and costs nothing', async () => {
    const event = requestFor('Mia with a CHAINSAW');
    const accepted = await send(event);
    const refused = await processed(accepted);
    expect(refused.status).toBe('PROCESSED');
    expect(node(refused, 'image').state).toBe('SKIPPED');
    expect(node(refused, 'safety').output).toBe('refused');
    const message = 'Such a picture is not made here.';
    expect(await chat(event.data.chat_id)).toMatchObject([
      { user_message: 'Mia with a CHAINSAW', bot_response: message, images: [] },
    ]);
    const { event_id } = accepted;
    const { body } = await eventually('it is told', () => told('photo.refused', { event_id })[0]);
    expect(body.data).toEqual({
      event_id,
      chat_id: event.data.chat_id,
      error: { code: 'request_refused', message },
    });
    await eventually('a mail has come', () => mailsWith('a CHAINSAW')[0]);
    await quiet();
    expect(mailsWith('a CHAINSAW')).toHaveLength(1);
    expect(told('photo.refused', { event_id })).toHaveLength(1);
  });

  it('that asks for a minor is refused, and one for somebody grown up is not', async () => {
    const [minor, adult] = await Promise.all(
      ['She is 15 years old, naked', 'She is 35 years old, naked'].map(async (message) =>
        processed(await send(requestFor(message, { notify_email: false }))),
      ),
    );
    expect(node(minor!, 'safety').output).toBe('refused');
    expect(node(adult!, 'safety').output).toBe('allowed');
  });

  it('without credits is answered like a refusal, and there is no generation', async () => {
    const [{ balance }] = (await darkroom.database
      .query(
        `UPDATE credit_accounts a SET balance = 0 FROM credit_accounts before
        WHERE a.user_id = $1 AND before.user_id = a.user_id RETURNING before.balance`,
        [userId],
      )
      .then(([rows]: [{ balance: string }[]]) => rows)) as [{ balance: string }];
    const event = requestFor('Mia is broke');
    const accepted = await send(event);
    const refused = await processed(accepted);
    await darkroom.database.query(`UPDATE credit_accounts SET balance = $2 WHERE user_id = $1`, [
      userId,
      balance,
    ]);
    expect(refused.status).toBe('PROCESSED');
    expect(node(refused, 'image')).toMatchObject({
      state: 'FAILED',
      task_id: null,
      error: { code: 'insufficient_credits' },
    });
    expect(await chat(event.data.chat_id)).toMatchObject([
      { bot_response: 'This costs 1 credits, and you have 0.' },
    ]);
    const { event_id } = accepted;
    const { body } = await eventually('it is told', () => told('photo.refused', { event_id })[0]);
    expect(body.data['error']).toMatchObject({ code: 'insufficient_credits' });
    await eventually('a mail has come', () => mailsWith('Mia is broke')[0]);
  });

  it('whose engine fails is told of once, as any generation', async () => {
    darkroom.sketch.misbehave({ kind: 'refuse_bad_field' });
    const event = requestFor('the engine says no');
    const failed = await processed(await send(event));
    expect(failed.status).toBe('PROCESSED');
    expect(node(failed, 'image').state).toBe('FAILED');
    expect(node(failed, 'failure').output).toBe('begun');
    expect(node(failed, 'save').state).toBe('SKIPPED');
    expect(node(failed, 'notify').state).toBe('SKIPPED');
    const id = node(failed, 'image').task_id!;
    await eventually('it is told', () => told('task.failed', { task_id: id })[0]);
    await eventually('a mail has come', () => mailsWith('the engine says no')[0]);
    await quiet();
    expect(mailsWith('the engine says no')).toHaveLength(1);
    expect(await chat(event.data.chat_id)).toMatchObject([{ task_id: id, status: 'FAILURE' }]);
    expect(told('photo.refused', { chat_id: event.data.chat_id })).toEqual([]);
  });

  it('that is revoked takes its picture with it, and the hold is released', async () => {
    const event = requestFor('a long one', { steps: 150, notify_email: false });
    const accepted = await send(event);
    const taskId = await eventually('the picture is under way', async () => {
      const image = node(await read(accepted.event_id), 'image');
      if (image.task_id === null) return undefined;
      const [task] = await darkroom.database.query(`SELECT state FROM tasks WHERE id = $1`, [
        image.task_id,
      ]);
      return task.state === 'STARTED' && image.task_id;
    });
    const revoked = await darkroom.post(
      `/api/v1/tasks/${accepted.task_id}/revoke`,
      {},
      { authorization: `Bearer ${key}` },
    );
    expect(revoked.status).toBe(200);
    expect((await processed(accepted)).status).toBe('REVOKED');
    await eventually('the picture is revoked', async () => {
      const [task] = await darkroom.database.query(`SELECT state FROM tasks WHERE id = $1`, [
        taskId,
      ]);
      return task.state === 'REVOKED';
    });
    const entries = await darkroom.database.query(
      `SELECT kind FROM credit_entries WHERE task_id = $1 ORDER BY id`,
      [taskId],
    );
    expect(entries.map(({ kind }: { kind: string }) => kind)).toEqual(['hold', 'release']);
    await eventually('the chat has it', async () => (await chat(event.data.chat_id)).length > 0);
    await quiet();
    expect(await chat(event.data.chat_id)).toMatchObject([{ task_id: taskId, status: 'REVOKED' }]);
  });

  it('that is wrong is not accepted', async () => {
    const bad: [Record<string, unknown>, string][] = [
      [{ message: '' }, 'data.message'],
      [{ message: 'x'.repeat(2_001) }, 'data.message'],
      [{ character: {} }, 'data.character.name'],
      [
        { messages: Array.from({ length: 21 }, () => ({ role: 'user', text: 'x' })) },
        'data.messages',
      ],
      [{ width: 65 }, 'data.width'],
      [{ webhook_url: 'ftp://x' }, 'data.webhook_url'],
      [{ priority: 'high' }, 'data.priority'],
    ];
    for (const [more, path] of bad) {
      const event = requestFor('x');
      const response = await darkroom.post('/api/v1/events', {
        ...event,
        data: { ...event.data, ...more },
      });
      expect(response.status).toBe(422);
      expect(await badFieldsOf(response)).toEqual([path]);
    }
  });

  it('that names a webhook which is not allowed, or nothing that can be drawn, fails', async () => {
    const inside = await processed(
      await send(requestFor('x', { webhook_url: 'http://10.0.0.1/hook' })),
    );
    expect(inside).toMatchObject({ status: 'FAILED', error: { code: 'invalid_webhook_url' } });
    const empty = await processed(
      await send(requestFor('<>', { character: { name: '{}' }, webhook_url: undefined })),
    );
    expect(empty).toMatchObject({ status: 'FAILED', error: { code: 'empty_prompt' } });
  });
});
