import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { EmailLinks } from '../../../src/features/email/email-links.js';
import { sendEmailTask } from '../../../src/features/email/email.tasks.js';
import { MailOutbox, type NewMail } from '../../../src/features/email/mail-outbox.js';
import { oldMails } from '../../../src/features/email/old-mails.js';
import { inTransaction } from '../../../src/infrastructure/database/transaction.js';
import { TaskHints } from '../../../src/tasks/hints/task-hints.js';
import { QueuePurge } from '../../../src/tasks/operations/queue-purge.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { about } from '../../support/about.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { drops, says, startScriptedSmtp, type ScriptedSmtp } from '../../support/scripted-smtp.js';

interface Row {
  state: string;
  attempts: number;
  last_response: number | null;
  address: string | null;
  values: object;
  message_id: string;
  language: string;
}

let darkroom: TestDarkroom;
let server: ScriptedSmtp;
let outbox: MailOutbox;
beforeAll(async () => {
  server = await startScriptedSmtp();
  darkroom = await startDarkroom('postgres', {
    settings: {
      smtpUrl: server.url,
      mailFrom: 'Darkroom <no-reply@darkroom.example>',
      publicOrigin: 'https://darkroom.example',
    },
  });
  outbox = darkroom.app.get(MailOutbox, { strict: false });
});
afterAll(async () => {
  await darkroom.close();
  await server.close();
});
beforeEach(() => server.forget());

let numbers = 0;
async function user(): Promise<{ userId: string; address: string }> {
  const [userId, address] = [uuidv7(), `ann-${++numbers}@example.com`];
  await darkroom.database.query(
    `INSERT INTO users (id, name, role, email) VALUES ($1, $2, 'user', $2)`,
    [userId, address],
  );
  return { userId, address };
}

const add = (mail: NewMail) => inTransaction(darkroom.database, (tx) => outbox.add(tx, mail));
const picture = (userId: string, prompt = 'a lighthouse'): NewMail & { key: string } => ({
  template: 'picture_ready',
  userId,
  key: uuidv7(),
  values: { image_id: uuidv7(), prompt },
});
const row = async (id: string) => {
  const [found] = await darkroom.database.query('SELECT * FROM mails WHERE id = $1', [id]);
  return found as Row;
};
const task = async (id: string) => {
  const sql = 'SELECT state, result, error FROM tasks WHERE id = $1';
  const [found] = await darkroom.database.query(sql, [id]);
  return found as { state: string; result: object | null; error: { code: string } | null };
};
const reaches = (id: string, state: string) =>
  eventually(`${id} is ${state}`, async () => {
    const now = await task(id);
    return now.state === state && now;
  });
/** Ends the wait for the next attempt. */
async function makeDue(id: string): Promise<void> {
  await darkroom.database.query(`UPDATE tasks SET run_at = now() WHERE id = $1`, [id]);
  const hint = await eventually(`${id} is in the queue`, () =>
    darkroom.app.get(TaskHints).of('low_priority').getJob(id),
  );
  await eventually(`${id} waits`, async () => (await hint.getState()) === 'delayed');
  await hint.promote();
}
const refusedAt = async (userId: string) => {
  const sql = 'SELECT email_refused_at AS at FROM users WHERE id = $1';
  return (await darkroom.database.query(sql, [userId]))[0].at as Date | null;
};
const mailsTo = (address: string) => server.mails.filter((mail) => mail.includes(`To: ${address}`));
const idsOf = (mails: string[]) =>
  new Set(mails.map((one) => /^message-id: (.+)$/im.exec(one)![1]));

describe('a mail of the outbox', () => {
  it('is sent once for its subject and template, however often and at once it is added', async () => {
    const { userId, address } = await user();
    const mail = picture(userId);
    const added = await Promise.all(Array.from({ length: 8 }, () => add(mail)));
    const [id, ...others] = added.filter((one) => one !== undefined);
    expect(others).toEqual([]);
    expect((await reaches(id!, 'SUCCESS')).result).toEqual({ status: 'success', mail_id: id });
    expect(await add(mail)).toBe(undefined);
    const other: NewMail = {
      ...mail,
      template: 'picture_failed',
      values: { prompt: 'x', reason: 'y' },
    };
    await reaches((await add(other))!, 'SUCCESS');
    expect(mailsTo(address).length).toBe(2);
    // What it was made of is not kept any longer.
    const sent = await row(id!);
    expect(sent).toMatchObject({ state: 'sent', attempts: 1, last_response: 250, address: null });
    expect(sent.values).toEqual({});
    expect(sent.message_id).toBe(`<${id}@darkroom.example>`);
  });

  it.each(['revoked', 'purged', 'expired'])(
    'whose task is %s before it runs has failed, and its address is gone',
    async (how) => {
      const hints = darkroom.app.get(TaskHints).of('low_priority');
      await hints.pause();
      const address = `${how}@example.com`;
      const mail: NewMail = { template: 'account_deleted', address, key: uuidv7(), values: {} };
      const id = (await add(mail))!;
      expect(await row(id)).toMatchObject({ state: 'queued', address });
      if (how === 'revoked') await darkroom.app.get(TaskClient).revoke(id);
      if (how === 'purged') {
        // It leaves out a task that is being handed to its queue just now.
        await eventually('it is purged', async () => {
          return (await darkroom.app.get(QueuePurge).purge(['low_priority'])).revoked > 0;
        });
      }
      if (how === 'expired') {
        await darkroom.database.query('UPDATE tasks SET expires_at = now() WHERE id = $1', [id]);
      }
      await hints.resume();
      expect((await reaches(id, 'REVOKED')).error!.code).toBe(how);
      expect(await row(id)).toMatchObject({ state: 'failed', address: null, values: {} });
      expect(mailsTo(address)).toEqual([]);
    },
  );

  it('does not exist when the transaction is rolled back', async () => {
    const { userId } = await user();
    const mail = picture(userId);
    const broken = inTransaction(darkroom.database, async (tx) => {
      await outbox.add(tx, mail);
      throw new Error('no');
    });
    await expect(broken).rejects.toThrow('no');
    const kept = await darkroom.database.query('SELECT FROM mails WHERE key = $1', [mail.key]);
    expect(kept.length).toBe(0);
  });

  it('is tried again when the server says 4xx, and counted', async () => {
    const { userId, address } = await user();
    server.next('RCPT', says('450 4.2.0 greylisted'));
    const id = (await add(picture(userId)))!;
    expect((await reaches(id, 'RETRY')).error?.code).toBe('mail_server_unavailable');
    expect(await row(id)).toMatchObject({ state: 'queued', attempts: 1, last_response: 450 });
    await makeDue(id);
    await reaches(id, 'SUCCESS');
    expect(await row(id)).toMatchObject({ state: 'sent', attempts: 2, last_response: 250 });
    expect(mailsTo(address).length).toBe(1);
  });

  it('that was taken before the connection broke arrives again with the same Message-ID', async () => {
    const { userId, address } = await user();
    server.next('end', drops);
    const id = (await add(picture(userId)))!;
    await reaches(id, 'RETRY');
    await makeDue(id);
    await reaches(id, 'SUCCESS');
    expect(mailsTo(address).length).toBe(2);
    expect(idsOf(mailsTo(address))).toEqual(new Set([`<${id}@darkroom.example>`]));
  });

  it('fails for good at a 5xx about it; the address stays good', async () => {
    const { userId } = await user();
    server.next('end', says('554 5.6.0 looks like spam'));
    const id = (await add(picture(userId)))!;
    expect((await reaches(id, 'FAILURE')).error?.code).toBe('mail_refused');
    expect(await row(id)).toMatchObject({ state: 'failed', last_response: 554, values: {} });
    expect(await refusedAt(userId)).toBe(null);
  });

  it('to an address that does not exist is the last, except for those the user asks for', async () => {
    const { userId, address } = await user();
    server.next('RCPT', says('550 5.1.1 nobody here'));
    const id = (await add(picture(userId)))!;
    await reaches(id, 'FAILURE');
    expect(await refusedAt(userId)).toBeInstanceOf(Date);
    const next = picture(userId);
    expect(await add(next)).toBe(undefined);
    const sql = 'SELECT state FROM mails WHERE key = $1';
    expect(await darkroom.database.query(sql, [next.key])).toEqual([{ state: 'suppressed' }]);
    expect(mailsTo(address)).toEqual([]);
    // A mail that arrives shows that the address is good again.
    const asked = (await add({ template: 'password_changed', userId, key: uuidv7(), values: {} }))!;
    await reaches(asked, 'SUCCESS');
    expect(await refusedAt(userId)).toBe(null);
    await reaches((await add(picture(userId)))!, 'SUCCESS');
    expect(mailsTo(address).length).toBe(2);
  });

  it('is given up after four days', async () => {
    const { userId } = await user();
    server.next('MAIL', says('451 later'), says('451 later'));
    const id = (await add(picture(userId)))!;
    await reaches(id, 'RETRY');
    await darkroom.database.query(
      `UPDATE mails SET created_at = now() - interval '97 hours' WHERE id = $1`,
      [id],
    );
    await makeDue(id);
    expect((await reaches(id, 'FAILURE')).error?.code).toBe('mail_server_unavailable');
    expect((await row(id)).state).toBe('failed');
  });

  it('is not sent when the user has switched it off, before or after it was added', async () => {
    const { userId, address } = await user();
    const off = () =>
      darkroom.database.query(`UPDATE users SET mail_off = '{pictures}' WHERE id = $1`, [userId]);
    server.next('greeting', says('421 later'));
    server.hangUp();
    const id = (await add(picture(userId)))!;
    await reaches(id, 'RETRY');
    await off();
    await makeDue(id);
    expect((await reaches(id, 'SUCCESS')).result).toMatchObject({ status: 'suppressed' });
    expect(await row(id)).toMatchObject({ state: 'suppressed', values: {} });
    expect(await add(picture(userId))).toBe(undefined);
    expect(mailsTo(address)).toEqual([]);
    const other = {
      template: 'credits_low',
      userId,
      key: uuidv7(),
      values: { balance: 2 },
    } as const;
    await reaches((await add(other))!, 'SUCCESS');
    expect(mailsTo(address).length).toBe(1);
  });

  it('is not sent when its link was used, or is too old', async () => {
    const { userId, address } = await user();
    const links = darkroom.app.get(EmailLinks, { strict: false });
    const id = await inTransaction(darkroom.database, async (tx) => {
      const link_id = await links.addReset(tx, address, userId);
      await tx.query(`UPDATE email_links SET expires_at = now() WHERE id = $1`, [link_id]);
      return outbox.add(tx, { template: 'reset', userId, key: link_id, values: { link_id } });
    });
    expect((await reaches(id!, 'SUCCESS')).result).toMatchObject({ status: 'suppressed' });
    expect(mailsTo(address)).toEqual([]);
  });

  it('goes nowhere when the account is gone, or has no address', async () => {
    expect(await add(picture(uuidv7()))).toBe(undefined);
    const { userId, address } = await user();
    server.next('MAIL', says('451 later'));
    const id = (await add(picture(userId)))!;
    await reaches(id, 'RETRY');
    await darkroom.database.query(`DELETE FROM users WHERE id = $1`, [userId]);
    await makeDue(id);
    expect((await reaches(id, 'SUCCESS')).result).toMatchObject({ status: 'suppressed' });
    expect(await row(id)).toBe(undefined);
    expect(mailsTo(address)).toEqual([]);
  });

  it('is in the language of the user, with the header that ends its kind in one click', async () => {
    const { userId, address } = await user();
    await darkroom.database.query(`UPDATE users SET language = 'ru' WHERE id = $1`, [userId]);
    await reaches((await add(picture(userId)))!, 'SUCCESS');
    const [mail] = mailsTo(address);
    expect(mail).toContain('lang=3D"ru"');
    expect(mail).toContain('List-Unsubscribe-Post: List-Unsubscribe=One-Click');
    const [, path] =
      /https:\/\/darkroom\.example(\/api\/v1\/mail\/unsubscribe\?token=[\w.-]+)>/.exec(
        mail!.replaceAll(/\n\s+/g, ' '),
      )!;
    const preferences = async () => {
      const sql = 'SELECT mail_off AS off FROM users WHERE id = $1';
      return (await darkroom.database.query(sql, [userId]))[0].off as string[];
    };
    // Programs that look at links change nothing.
    const page = await darkroom.request(path!, { key: null });
    expect([page.status, await preferences()]).toEqual([200, []]);
    expect(await page.text()).toContain('<form method="post">');
    for (const wrong of [
      path!.slice(0, -1),
      path!.replace('pictures', 'credits'),
      '?token=x',
      '',
    ]) {
      const to = wrong.startsWith('/') ? wrong : `/api/v1/mail/unsubscribe${wrong}`;
      const answer = await darkroom.request(to, { method: 'POST', key: null });
      about(wrong, () => expect(answer.status).toBe(400));
    }
    expect(await preferences()).toEqual([]);
    const body = new FormData();
    body.set('List-Unsubscribe', 'One-Click');
    const bodies = [new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }), body, undefined];
    for (const one of bodies) {
      await darkroom.database.query(`UPDATE users SET mail_off = '{}' WHERE id = $1`, [userId]);
      const init = { method: 'POST', key: null, ...(one && { body: one }) };
      const answer = await darkroom.request(path!, init);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('Письма об изображениях больше');
      expect(await preferences()).toEqual(['pictures']);
    }
    // A second click changes nothing.
    await darkroom.request(path!, { method: 'POST', key: null });
    expect(await preferences()).toEqual(['pictures']);
  });

  it('shows what a user wrote as text (security 29)', async () => {
    const { userId, address } = await user();
    const prompt = `<img src=x>\r\nBcc: bob@example.com\r\n.\r\nRCPT TO:<bob@example.com>`;
    await reaches((await add(picture(userId, prompt)))!, 'SUCCESS');
    const [mail] = mailsTo(address);
    const heads = mail!.slice(0, mail!.indexOf('\n\n'));
    expect(heads).not.toMatch(/bob/);
    expect(mail).toContain('&lt;img src');
    expect(server.heard.filter((line) => line.includes('bob'))).toEqual([]);
  });

  it('leaves no address in a task, whatever becomes of it (security 38)', async () => {
    const { userId, address } = await user();
    server.next('RCPT', says(`550 5.1.1 <${address}> is unknown`));
    const id = (await add(picture(userId, 'CANARY-PROMPT')))!;
    await reaches(id, 'FAILURE');
    const sent = (await add({
      template: 'verify',
      address,
      key: uuidv7(),
      values: { link_id: uuidv7() },
    }))!;
    await reaches(sent, 'SUCCESS');
    for (const table of ['tasks', 'task_events', 'bullmq.job', 'mails']) {
      const rows = await darkroom.database.query(`SELECT t::text FROM ${table} t`).catch(() => []);
      const text = JSON.stringify(rows);
      about(table, () => expect(text).not.toContain(address));
      about(table, () => expect(text).not.toContain('CANARY-PROMPT'));
    }
  });

  it('is deleted after its retention; one that is still tried is not', async () => {
    const { userId } = await user();
    const old = async (state: string, age: string) => {
      const id = uuidv7();
      await darkroom.database.query(
        `INSERT INTO mails (id, template, key, user_id, language, message_id, state, sent_at, created_at)
         VALUES ($1, 'welcome', $5, $2, 'en', $5, $3::text,
                 CASE $3::text WHEN 'sent' THEN now() END, now() - $4::interval)`,
        [id, userId, state, age, id],
      );
      return id;
    };
    const kept = [await old('sent', '1 day'), await old('queued', '5 days')];
    const gone = [await old('sent', '3 days'), await old('queued', '8 days')];
    await darkroom.database.query(oldMails.sql, [1000, 2]);
    for (const id of kept) expect(await row(id)).toBeTruthy();
    for (const id of gone) expect(await row(id)).toBe(undefined);
  });
});

describe('send_email_task', () => {
  it('takes the original’s arguments, and answers as the original did', async () => {
    const tasks = darkroom.app.get(TaskClient);
    const mail = { email_to: 'Bob@example.com', subject: 'Welcome!', body: 'Thanks <b>you</b>' };
    const sent = await tasks.send(darkroom.database.manager, sendEmailTask, mail);
    expect(await sent.get()).toEqual({ status: 'success', email: 'bob@example.com' });
    const [arrived] = mailsTo('bob@example.com');
    expect(arrived).toContain('Subject: Welcome!');
    expect(arrived).toContain('Thanks <b>you</b>');
    expect(arrived).toContain('Content-Type: text/plain');
    expect(idsOf([arrived!])).toEqual(new Set([`<${sent.id}@darkroom.example>`]));
  });

  it('refuses what is no mail, before it is stored (security 28)', async () => {
    const tasks = darkroom.app.get(TaskClient);
    const mail = { email_to: 'bob@example.com', subject: 'x', body: 'y' };
    const wrong: object[] = [
      { ...mail, email_to: 'a@b.com, c@d.com' },
      { ...mail, email_to: 'bob' },
      { ...mail, subject: '' },
      { ...mail, subject: 'x'.repeat(301) },
      { ...mail, body: 'a\u0000b' },
      { ...mail, bcc: 'c@d.com' },
      { ...mail, mail_id: uuidv7() },
      {},
    ];
    for (const one of wrong) {
      const sending = tasks.send(darkroom.database.manager, sendEmailTask, one as typeof mail);
      await expect(sending).rejects.toThrow(/Payload/);
    }
  });
});

describe('preferences', () => {
  it('are the user’s own, and hold from the next mail', async () => {
    const key = await darkroom.newUserKey('carol');
    const path = '/api/v1/users/me/mail-preferences';
    const json = async (answer: Response) => (await answer.json()) as object;
    const change = (body: object) =>
      darkroom.request(path, {
        method: 'PATCH',
        key,
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      });
    const first = { pictures: true, credits: true, language: 'en', address_refused_at: null };
    expect(await json(await darkroom.request(path, { key }))).toEqual(first);
    expect(await json(await change({ pictures: false }))).toEqual({ ...first, pictures: false });
    expect(await json(await change({ language: 'ru', credits: false, pictures: true }))).toEqual({
      ...first,
      language: 'ru',
      credits: false,
    });
    expect(await json(await change({}))).toMatchObject({ language: 'ru', credits: false });
    for (const bad of [
      { language: 'de' },
      { pictures: 1 },
      { address_refused_at: null },
      { x: 1 },
    ]) {
      expect((await change(bad)).status).toBe(422);
    }
    const reader = await darkroom.post(
      '/api/v1/keys',
      { name: 'reader', scopes: ['read'] },
      { authorization: `Bearer ${key}` },
    );
    const { key: readOnly } = (await reader.json()) as { key: string };
    const refused = await darkroom.request(path, {
      method: 'PATCH',
      key: readOnly,
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    expect(refused.status).toBe(403);
  });
});
