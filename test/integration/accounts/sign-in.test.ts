import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AccountDeletion } from '../../../src/features/accounts/account-deletion.js';
import { WrongPasswords } from '../../../src/features/accounts/limits.js';
import { hashPassword } from '../../../src/features/accounts/passwords.js';
import { UserRoles } from '../../../src/features/accounts/user-roles.js';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { FailedCredentials } from '../../../src/features/auth/failed-credentials.js';
import type { Role } from '../../../src/features/auth/user.entity.js';
import { about } from '../../support/about.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { problemOf } from '../../support/problem.js';

const password = 'correct horse battery';
const other = 'tr0ubador and three';
const ours = { 'sec-fetch-site': 'same-origin' };

describe('signing in with the password of an admin', () => {
  let darkroom: TestDarkroom;
  let hash: string;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    hash = await hashPassword(password);
  });
  afterAll(() => darkroom.close());
  // Each test is some minutes later.
  let minutes = 0;
  const pass = () => {
    const later = (minutes += 2);
    for (const limit of [FailedCredentials, WrongPasswords]) {
      darkroom.app.get(limit).now = () => Date.now() + later * 60_000;
    }
  };
  afterEach(pass);

  let people = 0;
  async function person(role: Role) {
    const email = `person-${++people}@example.com`;
    const { id } = await darkroom.app.get(AuthService).createUser(`person-${people}`, role);
    await darkroom.database.query(`UPDATE users SET email = $2, password_hash = $3 WHERE id = $1`, [
      id,
      email,
      hash,
    ]);
    return { id, email };
  }
  const login = (form: Record<string, string>, headers: Record<string, string> = ours) =>
    darkroom.request('/admin/login', {
      method: 'POST',
      key: null,
      body: new URLSearchParams(form),
      headers,
      redirect: 'manual',
    });
  async function signedIn(email: string, word = password): Promise<string> {
    const answer = await login({ email, password: word });
    expect(answer.status).toBe(303);
    return answer.headers.get('set-cookie')!.split(';', 1)[0]!;
  }
  const ask = async (path: string, cookie: string, body?: object, method?: string) => {
    const json = { 'content-type': 'application/json', ...ours, cookie };
    const init = {
      key: null,
      headers: body ? json : { cookie },
      ...(body && { method: method ?? 'POST', body: JSON.stringify(body) }),
    };
    return darkroom.request(path, init);
  };
  const board = async (cookie: string) => (await ask('/admin/queues', cookie)).status;

  it('opens the board, with a cookie that scripts and other sites cannot use', async () => {
    const { email } = await person('admin');
    const spelled = ` ${email.replace('person', 'Person')} `;
    const answer = await login({ email: spelled, password, next: '/admin/queues?page=2' });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/admin/queues?page=2');
    const [pair, ...flags] = answer.headers.get('set-cookie')!.split('; ');
    const wanted = ['HttpOnly', 'Max-Age=43200', 'Path=/', 'SameSite=Strict'];
    expect(flags.toSorted()).toEqual(wanted);
    expect(await board(pair!)).toBe(200);
    const home = await login({ email, password });
    expect(home.headers.get('location')).toBe('/admin/queues');
  });

  it('is answered alike for a wrong password, an unknown address, and a user who is no admin (security 6)', async () => {
    const [admin, user] = [await person('admin'), await person('user')];
    const keysOnly = await darkroom.app.get(AuthService).createUser('keys only', 'admin');
    await darkroom.database.query(`UPDATE users SET email = 'keys@example.com' WHERE id = $1`, [
      keysOnly.id,
    ]);
    const attempts = [
      { email: admin.email, password: other },
      { email: user.email, password },
      { email: user.email, password: other },
      { email: 'nobody@example.com', password },
      { email: 'keys@example.com', password },
      { email: 'no address', password },
      { email: admin.email, password: '' },
    ];
    const seen = new Set<string>();
    for (const attempt of attempts) {
      const answer = await login(attempt);
      about(attempt.email, () => expect(answer.status).toBe(401));
      expect(answer.headers.get('set-cookie')).toBe(null);
      const headers = [...answer.headers.keys()].join();
      seen.add(headers + (await answer.text()).replace(attempt.email, 'IT'));
    }
    expect(seen.size).toBe(1);
    expect([...seen][0]).toMatch(/role="alert">The address or the password is wrong, or /);
  });

  it('shows the address again, as text (security 29)', async () => {
    const text = await (await login({ email: '"><script>x', password })).text();
    expect(text).toContain('value="&quot;&gt;&lt;script&gt;x"');
    expect(text).not.toContain('<script>');
  });

  it('is held up after ten wrong attempts, even with the right password: 429 (security 4)', async () => {
    const [admin, user] = [await person('admin'), await person('user')];
    for (const { email } of [admin, user, { email: 'nobody@example.com' }]) {
      pass();
      // The right password of a user who is no admin counts like a wrong one.
      const word = email === user.email ? password : other;
      for (let n = 0; n < 10; n++) {
        expect((await login({ email, password: word })).status).toBe(401);
      }
      const answer = await login({ email, password });
      about(email, () => expect(answer.status).toBe(429));
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await answer.text()).toMatch(/Too many attempts/);
      // The API counts along.
      const api = await darkroom.post('/api/v1/auth/login', { email, password });
      await problemOf(api, 429, 'too_many_requests');
    }
  });

  it('cannot be started by another site (security 36)', async () => {
    const { email } = await person('admin');
    const others: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'https://evil.example' },
    ];
    for (const headers of others) {
      const answer = await login({ email, password }, headers);
      await problemOf(answer, 403, 'cross_site_request');
      expect(answer.headers.get('set-cookie')).toBe(null);
    }
  });

  it('takes a key or a password, and nothing between', async () => {
    const { email } = await person('admin');
    const key = darkroom.adminKey;
    for (const form of [
      {},
      { email },
      { password },
      { key, email },
      { key, password },
      { key, email, password },
      { email, password, role: 'admin' },
      { email: 'a\u0000@example.com', password },
    ]) {
      await problemOf(await login(form as Record<string, string>), 422, 'invalid_fields');
    }
  });

  it('ends with the sign-out', async () => {
    const { email } = await person('admin');
    const [one, two] = [await signedIn(email), await signedIn(email)];
    expect((await ask('/admin/logout', one, {})).status).toBe(200);
    expect([await board(one), await board(two)]).toEqual([401, 200]);
  });

  it('ends with a new password', async () => {
    const { email } = await person('admin');
    const cookie = await signedIn(email);
    const change = { current_password: password, password: other };
    expect((await ask('/api/v1/users/me/password', cookie, change)).status).toBe(204);
    expect(await board(cookie)).toBe(401);
    expect((await login({ email, password })).status).toBe(401);
    await signedIn(email, other);
  });

  it('ends with the account', async () => {
    const { id, email } = await person('admin');
    const cookie = await signedIn(email);
    await darkroom.app.get(AccountDeletion).delete(id);
    expect(await board(cookie)).toBe(401);
    expect((await login({ email, password })).status).toBe(401);
  });

  it('is worth what the role is at each request', async () => {
    const { id, email } = await person('user');
    const roles = new UserRoles(darkroom.database);
    await roles.set(id, 'admin');
    const cookie = await signedIn(email);
    expect(await board(cookie)).toBe(200);
    await roles.set(id, 'user');
    expect(await board(cookie)).toBe(403);
  });

  /** Runs `work` while a transaction that has done `sql` is open, and commits once `work` waits for it. */
  async function meanwhile<T>(sql: string, parameters: unknown[], work: () => Promise<T>) {
    const change = darkroom.database.createQueryRunner();
    await change.startTransaction();
    try {
      await change.query(sql, parameters);
      const answer = work();
      await eventually('the other waits for it', async () => {
        const [row] = await darkroom.database.query(
          `SELECT count(*)::int AS n FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return row.n > 0;
      });
      await change.commitTransaction();
      return await answer;
    } finally {
      await change.release();
    }
  }

  it('does not succeed with a password that is changed at this moment, here or at the API', async () => {
    const { id, email } = await person('admin');
    const changed = `UPDATE users SET password_hash = $2 WHERE id = $1`;
    const again = () => darkroom.database.query(changed, [id, hash]);
    const page = await meanwhile(changed, [id, 'new'], () => login({ email, password }));
    expect(page.status).toBe(401);
    await again();
    const body = { email, password };
    const api = await meanwhile(changed, [id, 'new'], () =>
      darkroom.post('/api/v1/auth/login', body),
    );
    await problemOf(api, 401, 'wrong_login');
  });

  it('does not succeed with a key that is revoked at this moment, nor outlive it', async () => {
    const { id } = await person('admin');
    const keys = darkroom.app.get(ApiKeys);
    const late = await keys.create(id);
    const page = await meanwhile(
      `UPDATE api_keys SET revoked_at = now() WHERE id = $1`,
      [late.id],
      () => login({ key: late.key }),
    );
    expect(page.status).toBe(401);
    // The other way round: the session has just begun, unseen by the revocation when it starts.
    const { id: keyId } = await keys.create(id);
    const begun = `
      WITH valid AS (SELECT FROM api_keys WHERE id = $1 FOR SHARE)
      INSERT INTO sessions (digest, user_id, expires_at)
      SELECT 'x', $2, now() + interval '1 hour' FROM valid`;
    await meanwhile(begun, [keyId, id], () => keys.revoke(keyId));
    const left = await darkroom.database.query(`SELECT FROM sessions WHERE user_id = $1`, [id]);
    expect(left.length).toBe(0);
  });
});
