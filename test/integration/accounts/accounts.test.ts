import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { FailedCredentials } from '../../../src/features/auth/failed-credentials.js';
import { MailRequests, WrongPasswords } from '../../../src/features/accounts/limits.js';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import PostalMime from 'postal-mime';
import { TaskHints } from '../../../src/tasks/hints/task-hints.js';
import { about } from '../../support/about.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { openMailbox, tokenIn, type Mailbox, type TestMail } from '../../support/mailbox.js';
import { badFieldsOf, problemOf } from '../../support/problem.js';

const password = 'correct horse battery';
const other = 'tr0ubador and three';
const small = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };

interface Tokens {
  access_token: string;
  refresh_token: string;
}

let numbers = 0;
const newAddress = () => `ann-${++numbers}@example.com`;

describe('an account', () => {
  let darkroom: TestDarkroom;
  let mailbox: Mailbox;
  beforeAll(async () => {
    mailbox = await openMailbox();
    darkroom = await startDarkroom('postgres', {
      settings: { smtpUrl: mailbox.url, publicOrigin: 'https://darkroom.example' },
    });
  });
  afterAll(async () => {
    await darkroom.close();
    await mailbox.close();
  });
  // Each test is a minute later.
  let minutes = 0;
  afterEach(() => {
    minutes += 61;
    const later = minutes;
    for (const limit of [FailedCredentials, MailRequests, WrongPasswords]) {
      darkroom.app.get(limit).now = () => Date.now() + later * 60_000;
    }
  });

  const call = (method: string, path: string, body?: unknown, key: string | null = null) =>
    darkroom.request(`/api/v1${path}`, {
      method,
      key,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    });
  const post = (path: string, body: unknown, key?: string) => call('POST', path, body, key);
  const json = async <T>(answer: Response, status = 200): Promise<T> => {
    about(await answer.clone().text(), () => expect(answer.status).toBe(status));
    return (await answer.json()) as T;
  };
  const login = async (email: string, word = password) =>
    json<Tokens>(await post('/auth/login', { email, password: word }));
  const verifyToken = async (email: string) =>
    tokenIn((await mailbox.mailTo(email, 'Confirm')).text);

  async function registered(): Promise<string> {
    const email = newAddress();
    await json(await post('/users/register', { email, password }), 202);
    await json(await post('/users/verify', { token: await verifyToken(email) }), 201);
    return email;
  }

  it('is made by a registration, a mail and its link, and gets a picture at once (security 5, 28)', async () => {
    const email = newAddress();
    const spelled = email.replace('ann', 'Ann').replace('example', 'Example');
    const answer = await json<{ message: string; task_id: string }>(
      await post('/users/register', { email: ` ${spelled} `, password }),
      202,
    );
    expect(Object.keys(answer).toSorted()).toEqual(['message', 'task_id']);
    const mail = await mailbox.mailTo(email, 'Confirm your e-mail address');
    expect(mail.recipients).toEqual([email]);
    expect(mail.messageId).toBe(`<${answer.task_id}@darkroom>`);
    expect(mail.text).toContain('https://darkroom.example/account#verify=');
    // Before it is opened, nobody can log in.
    await problemOf(await post('/auth/login', { email, password }), 401, 'wrong_login');
    const token = tokenIn(mail.text);
    const made = await json<{ id: string }>(await post('/users/verify', { token }), 201);
    const { access_token } = await login(email);
    const me = await json<object>(await call('GET', '/users/me', undefined, access_token));
    expect(me).toMatchObject({ id: made.id, email, role: 'user', plan: 'standard' });
    const { task_id } = await json<{ task_id: string }>(
      await post('/generate-image', small, access_token),
      202,
    );
    expect((await darkroom.finished(task_id)).status).toBe('SUCCESS');
  });

  it('link: works once, and not when it is changed or too old', async () => {
    const email = newAddress();
    await post('/users/register', { email, password });
    const token = await verifyToken(email);
    const wrong = [
      token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A'),
      token.replace(/^./, (c) => (c === '0' ? '1' : '0')),
      token.split('.')[0]!,
      'x',
      '',
    ];
    for (const one of wrong) {
      await problemOf(await post('/users/verify', { token: one }), 400, 'invalid_link');
    }
    // A link for one purpose is none for another.
    const reset = { token, password: other };
    await problemOf(await post('/users/password/reset', reset), 400, 'invalid_link');
    const late = newAddress();
    await post('/users/register', { email: late, password });
    const lateToken = await verifyToken(late);
    await darkroom.database.query(`UPDATE email_links SET expires_at = now() WHERE email = $1`, [
      late,
    ]);
    await problemOf(await post('/users/verify', { token: lateToken }), 400, 'invalid_link');
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => post('/users/verify', { token })),
    );
    expect(answers.filter(({ status }) => status === 201).length).toBe(1);
    await problemOf(await post('/users/verify', { token }), 400, 'invalid_link');
  });

  it('has the password of the registration whose link was opened', async () => {
    const email = newAddress();
    // Somebody else was first, with a password that they know.
    await post('/users/register', { email, password: 'the attacker knows it' });
    await verifyToken(email);
    await post('/users/register', { email, password });
    const own = () => mailbox.mails.filter(({ recipients }) => recipients.includes(email));
    await eventually('the second mail arrives', async () => own().length === 2);
    const second = own()[1]!;
    await json(await post('/users/verify', { token: tokenIn(second.text) }), 201);
    await login(email);
    const attacker = { email, password: 'the attacker knows it' };
    await problemOf(await post('/auth/login', attacker), 401, 'wrong_login');
    const first = await verifyToken(email);
    await problemOf(await post('/users/verify', { token: first }), 400, 'invalid_link');
  });

  it('answers alike whether the address is known or not (security 6)', async () => {
    const known = await registered();
    const unknown = newAddress();
    const shape = async (answer: Response) => {
      const body = (await answer.json()) as Record<string, unknown>;
      delete body['task_id'];
      delete body['correlation_id'];
      const headers = [...answer.headers.keys()].toSorted();
      return { status: answer.status, body, headers };
    };
    const requests: [path: string, rest: object][] = [
      ['/users/register', { password }],
      ['/users/password/forgot', {}],
      ['/auth/login', { password: 'not the password' }],
    ];
    for (const [path, rest] of requests) {
      const one = await shape(await post(path, { email: known, ...rest }));
      expect(one).toEqual(await shape(await post(path, { email: unknown, ...rest })));
    }
    await mailbox.mailTo(known, 'You are registered already');
    await mailbox.mailTo(known, 'A new password');
  });

  it('refuses what is no address and what is no password (security 6, 9, 28)', async () => {
    const addresses = [
      '',
      'x',
      'a@b',
      'a@b.c, d@e.f',
      'a@b.c\r\nBcc: d@e.f',
      'A <a@b.com>',
      '\u0000@b.com',
      7,
    ];
    for (const email of addresses) {
      const answer = await post('/users/register', { email, password });
      about(email, () => expect(answer.status).toBe(422));
      expect(await badFieldsOf(answer)).toEqual(['email']);
    }
    for (const bad of ['short', 'x'.repeat(201), `nul \u0000 nul nul`, 12]) {
      const answer = await post('/users/register', { email: newAddress(), password: bad });
      expect(await badFieldsOf(answer)).toEqual(['password']);
    }
    for (const extra of [{ role: 'admin' }, { credits: 9 }, { is_admin: true }, { plan: 'x' }]) {
      const answer = await post('/users/register', { email: newAddress(), password, ...extra });
      expect(answer.status).toBe(422);
    }
  });

  it('password: is changed with the current one, which ends all logins', async () => {
    const email = await registered();
    const { access_token: token, refresh_token } = await login(email);
    const change = (current_password: string) =>
      post('/users/me/password', { current_password, password: other }, token);
    await problemOf(await change('wrong'), 403, 'wrong_password');
    expect((await change(password)).status).toBe(204);
    expect((await call('GET', '/users/me', undefined, token)).status).toBe(401);
    await problemOf(await post('/auth/refresh', { refresh_token }), 401, 'login_ended');
    await problemOf(await post('/auth/login', { email, password }), 401, 'wrong_login');
    await login(email, other);
    await mailbox.mailTo(email, 'Your password was changed');
  });

  it('password: is reset with the link of a mail, of which only the last works', async () => {
    const email = await registered();
    const { access_token: token } = await login(email);
    await json(await post('/users/password/forgot', { email }), 202);
    const first = tokenIn((await mailbox.mailTo(email, 'A new password')).text);
    const links = () =>
      mailbox.mails.filter((mail) => isReset(mail) && mail.recipients[0] === email);
    const isReset = ({ subject }: TestMail) => subject === 'A new password';
    await post('/users/password/forgot', { email });
    await eventually('the second mail arrives', async () => links().length === 2);
    const second = tokenIn(links()[1]!.text);
    const reset = (link: string) => post('/users/password/reset', { token: link, password: other });
    await problemOf(await reset(first), 400, 'invalid_link');
    expect((await reset(second)).status).toBe(204);
    await problemOf(await reset(second), 400, 'invalid_link');
    expect((await call('GET', '/users/me', undefined, token)).status).toBe(401);
    await login(email, other);
  });

  it('password: two hundred made-up links at once keep nobody from logging in', async () => {
    const email = await registered();
    const token = `${'0'.repeat(32)}.${'x'.repeat(43)}`;
    const resets = Array.from({ length: 200 }, () =>
      post('/users/password/reset', { token, password: other }),
    );
    await login(email);
    const statuses = (await Promise.all(resets)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([400]));
  });

  it('login: each refresh token works once; a stolen one ends the login', async () => {
    const email = await registered();
    const first = await login(email);
    const refresh = (token: string) => post('/auth/refresh', { refresh_token: token });
    const second = await json<Tokens>(await refresh(first.refresh_token));
    expect((await call('GET', '/users/me', undefined, first.access_token)).status).toBe(200);
    await problemOf(await refresh(first.refresh_token), 401, 'login_ended');
    for (const { access_token, refresh_token } of [first, second]) {
      expect((await call('GET', '/users/me', undefined, access_token)).status).toBe(401);
      await problemOf(await refresh(refresh_token), 401, 'login_ended');
    }
    await problemOf(await refresh('x'.repeat(43)), 401, 'login_ended');
  });

  it('login: ends with the logout, and no other one does', async () => {
    const email = await registered();
    const [one, two] = [await login(email), await login(email)];
    expect((await post('/auth/logout', { refresh_token: one.refresh_token })).status).toBe(204);
    expect((await call('GET', '/users/me', undefined, one.access_token)).status).toBe(401);
    expect((await call('GET', '/users/me', undefined, two.access_token)).status).toBe(200);
  });

  it('login: wrong passwords are held up, for known and unknown addresses (security 4, 6)', async () => {
    for (const email of [await registered(), newAddress()]) {
      const answers: Response[] = [];
      for (let n = 0; n < 11; n++) {
        // From many addresses.
        const later = ++minutes;
        darkroom.app.get(FailedCredentials).now = () => Date.now() + later * 60_000;
        answers.push(await post('/auth/login', { email, password: 'wrong' }));
      }
      expect(answers.map(({ status }) => status)).toEqual([...Array(10).fill(401), 429]);
      expect(Number(answers[10]!.headers.get('retry-after'))).toBeGreaterThan(0);
      // The right one is not told from the wrong ones.
      expect((await post('/auth/login', { email, password })).status).toBe(429);
    }
  });

  it('login: an address that has guessed too often waits, whichever account it tries (security 4)', async () => {
    const email = await registered();
    for (let n = 0; n < 20; n++) {
      const guess = { email: `${n}${email}`, password: 'wrong' };
      expect((await post('/auth/login', guess)).status).toBe(401);
    }
    expect((await post('/auth/login', { email, password })).status).toBe(429);
    const later = (minutes += 2);
    darkroom.app.get(FailedCredentials).now = () => Date.now() + later * 60_000;
    await login(email);
  });

  it('password: cannot be guessed from an open session (security 4)', async () => {
    const email = await registered();
    const { access_token: token } = await login(email);
    const change = (current_password: string) =>
      post('/users/me/password', { current_password, password: other }, token);
    for (let n = 0; n < 10; n++) expect((await change('wrong')).status).toBe(403);
    await problemOf(await change(password), 429, 'too_many_requests');
    const remove = await call('DELETE', '/users/me', { password }, token);
    await problemOf(remove, 429, 'too_many_requests');
  });

  it('mails: an address asks for ten in a minute, and an inbox gets five in an hour', async () => {
    const email = newAddress();
    const statuses: number[] = [];
    for (let n = 0; n < 11; n++) {
      statuses.push((await post('/users/password/forgot', { email: `${n}${email}` })).status);
    }
    expect(statuses).toEqual([...Array(10).fill(202), 429]);
    minutes += 2;
    const later = minutes;
    darkroom.app.get(MailRequests).now = () => Date.now() + later * 60_000;
    for (let n = 0; n < 8; n++) {
      expect((await post('/users/register', { email, password })).status).toBe(202);
    }
    const [{ sent }] = await darkroom.database.query(
      `SELECT count(*)::int AS sent FROM email_links WHERE email = $1`,
      [email],
    );
    expect(sent).toBe(5);
  });

  it('is deleted with its tasks and pictures, and nothing of it is left', async () => {
    const email = await registered();
    const { access_token: token } = await login(email);
    const { id } = await json<{ id: string }>(await call('GET', '/users/me', undefined, token));
    const { key } = await json<{ key: string }>(await post('/keys', { name: 'mine' }, token), 201);
    const { task_id } = await json<{ task_id: string }>(
      await post('/generate-image', small, key),
      202,
    );
    await darkroom.finished(task_id);
    await darkroom.database.query(
      `INSERT INTO chats (id, owner_id, chat_id) VALUES ($1, $1, 'of the account')`,
      [id],
    );
    const folder = join(darkroom.settings.dataDir, 'objects', 'images', task_id);
    await eventually(
      'the picture is stored',
      async () => (await readdir(folder).catch(() => [])).length === 2,
    );
    darkroom.sketch.misbehave({ kind: 'slow', stepMs: 5_000 });
    const slow = await json<{ task_id: string }>(await post('/generate-image', small, key), 202);
    await eventually(
      'the second is being drawn',
      async () => (await darkroom.status(slow.task_id)).status === 'STARTED',
    );
    const remove = (body?: object) => call('DELETE', '/users/me', body, token);
    await problemOf(await remove(), 403, 'wrong_password');
    await problemOf(await remove({ password: 'wrong' }), 403, 'wrong_password');
    const { task_id: deletion } = await json<{ task_id: string }>(await remove({ password }), 202);
    for (const credential of [token, key]) {
      expect((await call('GET', '/users/me', undefined, credential)).status).toBe(401);
    }
    await problemOf(await post('/auth/login', { email, password }), 401, 'wrong_login');
    await eventually('the rest is deleted', async () => {
      const [row] = await darkroom.database.query('SELECT state FROM tasks WHERE id = $1', [
        deletion,
      ]);
      // Its next attempt need not wait.
      await darkroom.database.query(
        `UPDATE tasks SET run_at = now() WHERE id = $1 AND state = 'RETRY'`,
        [deletion],
      );
      return row.state === 'SUCCESS';
    });
    const left = await darkroom.database.query(
      `SELECT (SELECT count(*) FROM users WHERE id = $1)::int AS users,
              (SELECT count(*) FROM tasks WHERE owner_id = $1)::int AS tasks,
              (SELECT count(*) FROM generated_images WHERE owner_id = $1)::int AS images,
              (SELECT count(*) FROM chats WHERE owner_id = $1)::int AS chats,
              (SELECT count(*) FROM credit_accounts WHERE user_id = $1)::int AS accounts,
              (SELECT count(*) FROM credit_holds WHERE user_id = $1)::int AS holds`,
      [id],
    );
    expect(left).toEqual([{ users: 0, tasks: 0, images: 0, chats: 0, accounts: 0, holds: 0 }]);
    await eventually(
      'the objects are deleted',
      async () => (await readdir(folder).catch(() => [])).length === 0,
    );
    await mailbox.mailTo(email, 'Your account was deleted');
    // The address is free again.
    expect((await post('/users/register', { email, password })).status).toBe(202);
  });

  it('of the last admin cannot be deleted', async () => {
    const remove = await call('DELETE', '/users/me', {}, darkroom.adminKey);
    await problemOf(remove, 409, 'last_admin');
    const auth = darkroom.app.get(AuthService);
    const second = await auth.createUser('second admin', 'admin');
    const { key } = await darkroom.app.get(ApiKeys).create(second.id);
    // Of two who go at once, one stays.
    const goes = [key, darkroom.adminKey].map((one) => call('DELETE', '/users/me', {}, one));
    const gone = (await Promise.all(goes)).filter(({ status }) => status === 202);
    expect(gone.length).toBe(1);
  });

  it('never has its address or its links in a log line or in the queue (security 38)', async () => {
    const email = await registered();
    const { id } = await json<{ id: string }>(
      await call('GET', '/users/me', undefined, (await login(email)).access_token),
    );
    const [{ name }] = await darkroom.database.query('SELECT name FROM users WHERE id = $1', [id]);
    expect(name).toMatch(/^user-[0-9a-f]{12}$/);
    const token = tokenIn((await mailbox.mailTo(email, 'Confirm')).text);
    const [, signature] = token.split('.');
    const nobodys = newAddress();
    for (const asked of [email, nobodys]) {
      await json(await post('/users/password/forgot', { email: asked }), 202);
    }
    await mailbox.mailTo(email, 'A new password');
    await eventually('no request for a password is left', async () => {
      const left = await darkroom.database.query(
        'SELECT FROM password_requests WHERE email = ANY($1)',
        [[email, nobodys]],
      );
      return left.length === 0;
    });
    for (const table of ['bullmq.job', 'tasks', 'email_links', 'task_events']) {
      const rows = await darkroom.database.query(`SELECT t::text FROM ${table} t`).catch(() => []);
      const text = JSON.stringify(rows);
      about(table, () => expect(text).not.toContain(signature));
      if (table === 'email_links') continue;
      for (const address of [email, nobodys]) {
        about(table, () => expect(text).not.toContain(address));
      }
    }
  });
});

describe('mails', () => {
  it('become files without a mail server, which only the owner may read', async () => {
    const darkroom = await startDarkroom('postgres');
    try {
      const email = newAddress();
      await darkroom.post('/api/v1/users/register', { email, password });
      const folder = join(darkroom.settings.dataDir, 'mail');
      const [file] = await eventually('the mail is written', async () => {
        const files = (await readdir(folder).catch(() => [])).filter((f) => f.endsWith('.eml'));
        return files.length > 0 && files;
      });
      const path = join(folder, file!);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      const mail = await PostalMime.parse(await readFile(path));
      expect(mail.subject).toBe('Confirm your e-mail address');
      expect(mail.text).toContain('/account#verify=');
    } finally {
      await darkroom.close();
    }
  });

  it('are sent again when the server is busy, and not when it refuses them', async () => {
    const mailbox = await openMailbox();
    const darkroom = await startDarkroom('postgres', { settings: { smtpUrl: mailbox.url } });
    const email = newAddress();
    const register = async (address: string) =>
      (
        (await (
          await darkroom.post('/api/v1/users/register', { email: address, password })
        ).json()) as { task_id: string }
      ).task_id;
    const row = async (id: string) => {
      const [task] = await darkroom.database.query('SELECT * FROM tasks WHERE id = $1', [id]);
      return task as { state: string; error: { code: string } | null } | undefined;
    };
    try {
      mailbox.refusals.push({ code: 451, text: `busy, ${email}` });
      const busy = await register(email);
      await eventually(
        'it waits for another attempt',
        async () => (await row(busy))?.state === 'RETRY',
      );
      expect((await row(busy))?.error?.code).toBe('mail_server_unavailable');
      expect(JSON.stringify((await row(busy))?.error)).not.toContain(email);
      await darkroom.database.query(`UPDATE tasks SET run_at = now() WHERE id = $1`, [busy]);
      const hint = (await darkroom.app.get(TaskHints).of('low_priority').getJob(busy))!;
      await eventually('it waits', async () => (await hint.getState()) === 'delayed');
      await hint.promote();
      await mailbox.mailTo(email, 'Confirm');
      mailbox.refusals.push({ code: 550, text: 'no such user' });
      const refused = await register(newAddress());
      await eventually('it has failed', async () => (await row(refused))?.state === 'FAILURE');
      expect((await row(refused))?.error?.code).toBe('mail_refused');
    } finally {
      await darkroom.close();
      await mailbox.close();
    }
  });

  it('can be switched off for newcomers: registration closed', async () => {
    const darkroom = await startDarkroom('postgres', {
      workers: false,
      settings: { registrationOpen: false },
    });
    try {
      const body = { email: newAddress(), password };
      const answer = await darkroom.post('/api/v1/users/register', body);
      await problemOf(answer, 403, 'registration_closed');
    } finally {
      await darkroom.close();
    }
  });
});
