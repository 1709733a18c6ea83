import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { about } from '../../support/about.js';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { FailedCredentials } from '../../../src/features/auth/failed-credentials.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { problemOf } from '../../support/problem.js';

const path = '/api/v1/task_status/x';

describe('guessing credentials', () => {
  let darkroom: TestDarkroom;
  let now = Date.now();
  const lines: string[] = [];
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    darkroom.app.get(FailedCredentials).now = () => now;
    jest
      .spyOn(Logger.prototype, 'warn')
      .mockImplementation((line: string) => void lines.push(line));
    await Promise.all(Array.from({ length: 21 }, () => guess()));
  });
  afterAll(() => darkroom.close());

  const guess = (headers = {}) => darkroom.request(path, { key: 'dk_wrong', headers });
  const guessForm = () =>
    darkroom.request('/admin/login', {
      method: 'POST',
      key: null,
      body: new URLSearchParams({ key: 'dk_wrong' }),
    });

  it('is blocked after 20 failures in a minute, on the API and on the form (security 4, 20)', async () => {
    for (const answer of [await guess(), await guess({ 'x-forwarded-for': '203.0.113.9' })]) {
      expect(answer.headers.get('retry-after')).toBe('60');
      await problemOf(answer, 429, 'too_many_requests');
    }
    const form = await guessForm();
    expect(form.status).toBe(429);
    expect(form.headers.get('retry-after')).toBe('60');
    expect(await form.text()).toMatch(/Too many wrong keys/);
  });

  it('leaves a line in the log for each failure, and one when it is too many (security 4, 49)', () => {
    const wrong = lines.filter((line) => line === 'a wrong credential from 127.0.0.1');
    expect(wrong.length).toBe(20);
    const many = lines.filter((line) => line.startsWith('more than 20 wrong credentials in'));
    expect(many.length).toBe(1);
    expect(lines.join()).not.toContain('dk_wrong');
  });

  it('does not block clients with the right credential, or with none', async () => {
    expect((await darkroom.request(path)).status).toBe(404);
    await problemOf(await darkroom.request(path, { key: null }), 401);
    const cookie = { cookie: 'darkroom_session=gone' };
    await problemOf(await darkroom.request(path, { key: null, headers: cookie }), 401);
  });

  it('is possible again after the minute', async () => {
    now += 60_001;
    await problemOf(await guess(), 401);
    expect((await guessForm()).status).toBe(401);
  });
});

describe('what the database keeps of credentials', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  afterAll(() => darkroom.close());

  it('is only digests (security 2)', async () => {
    const auth = darkroom.app.get(AuthService);
    const user = await auth.createUser('kept', 'user');
    const { key } = await darkroom.app.get(ApiKeys).create(user.id);
    const { token } = await auth.createSession(user);
    await darkroom.generate({ prompt: 'x' });
    for (const secret of [key, key.slice(key.indexOf('_', 3) + 1), token, darkroom.adminKey]) {
      const tables = await darkroom.database.query(
        `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
      );
      expect(tables.length > 5).toBe(true);
      for (const { name } of tables) {
        const found = await darkroom.database.query(
          `SELECT FROM "${name}" AS t WHERE position($1 IN t::text) > 0 OR position($2 IN t::text) > 0`,
          [secret, Buffer.from(secret).toString('hex')],
        );
        about(name, () => expect(found.length).toBe(0));
      }
    }
  });
});
