import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { AccessTokens } from '../../../src/features/auth/access-tokens.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { ServerSecret } from '../../../src/infrastructure/secret/server-secret.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';

/** security.md, 3: one algorithm, `exp/iss/aud/typ`, no `none`, no key headers. */
describe('an access token (security 3)', () => {
  let darkroom: TestDarkroom;
  let key: Uint8Array;
  let user: string;
  let loginId: string;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    key = await darkroom.app.get(ServerSecret).keyFor('access tokens');
    user = (await darkroom.app.get(AuthService).createUser('ann', 'user')).id;
    loginId = uuidv7();
    await darkroom.database.query(
      `INSERT INTO logins (id, user_id, digest, expires_at) VALUES ($1, $2, $3, now() + interval '1 h')`,
      [loginId, user, Buffer.alloc(32)],
    );
  });
  afterAll(() => darkroom.close());

  const now = () => Math.floor(Date.now() / 1000);
  const header = { alg: 'HS256', typ: 'at+jwt' };
  const claims = () => ({
    sid: loginId,
    sub: user,
    iss: 'darkroom',
    aud: 'darkroom-api',
    iat: now(),
    exp: now() + 60,
  });
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = (head: object, body: object, secret: Uint8Array = key, hash = 'sha256') => {
    const text = `${part(head)}.${part(body)}`;
    return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
  };
  const status = async (token: string) =>
    (await darkroom.request('/api/v1/users/me', { key: token })).status;

  it('that is right is accepted, however it was made', async () => {
    expect(await status(await darkroom.app.get(AccessTokens).issue(loginId, user))).toBe(200);
    expect(await status(signed(header, claims()))).toBe(200);
  });

  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const without = (name: string) =>
    Object.fromEntries(Object.entries(claims()).filter(([claim]) => claim !== name));
  const wrong: Record<string, () => string> = {
    'another key': () => signed(header, claims(), new Uint8Array(32)),
    'no signature': () => `${part(header)}.${part(claims())}.`,
    'the algorithm none': () => `${part({ ...header, alg: 'none' })}.${part(claims())}.`,
    'none with a signature': () => signed({ ...header, alg: 'none' }, claims()),
    'another HMAC': () => signed({ ...header, alg: 'HS512' }, claims(), key, 'sha512'),
    'a public-key algorithm': () => {
      const text = `${part({ ...header, alg: 'RS256' })}.${part(claims())}`;
      return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
    },
    'a key in its header': () =>
      signed(
        { ...header, jwk: { kty: 'oct', k: Buffer.alloc(32).toString('base64url') } },
        claims(),
        new Uint8Array(32),
      ),
    'a key id': () => signed({ ...header, kid: '../../dev/null' }, claims(), new Uint8Array(0)),
    'a critical extension': () => signed({ ...header, crit: ['x'], x: 1 }, claims()),
    'another type': () => signed({ ...header, typ: 'JWT' }, claims()),
    'no type': () => signed({ alg: 'HS256' }, claims()),
    'no end': () => signed(header, without('exp')),
    'an end that is past': () => signed(header, { ...claims(), exp: now() - 1 }),
    'a start to come': () => signed(header, { ...claims(), nbf: now() + 60 }),
    'another issuer': () => signed(header, { ...claims(), iss: 'x' }),
    'no issuer': () => signed(header, without('iss')),
    'another audience': () => signed(header, { ...claims(), aud: 'x' }),
    'no audience': () => signed(header, without('aud')),
    'no login': () => signed(header, without('sid')),
    'a login that has ended': () => signed(header, { ...claims(), sid: uuidv7() }),
    'a login that is no id': () => signed(header, { ...claims(), sid: "' OR 1=1" }),
    'the user of another login': () => signed(header, { ...claims(), sub: uuidv7() }),
    'no user': () => signed(header, without('sub')),
    'a changed claim': () => {
      const [head, , signature] = signed(header, claims()).split('.');
      return `${head}.${part({ ...claims(), sub: uuidv7() })}.${signature}`;
    },
  };
  for (const [what, make] of Object.entries(wrong)) {
    it(`with ${what} is refused: 401`, async () => {
      expect(await status(make())).toBe(401);
    });
  }

  it('does what its user may now, not what the user could when it was made', async () => {
    const token = signed(header, claims());
    const users = () => darkroom.request('/api/v1/users', { key: token });
    expect((await users()).status).toBe(403);
    await darkroom.database.query(`UPDATE users SET role = 'admin' WHERE id = $1`, [user]);
    expect((await users()).status).toBe(200);
    await darkroom.database.query(`UPDATE users SET role = 'user' WHERE id = $1`, [user]);
    expect((await users()).status).toBe(403);
  });
});
