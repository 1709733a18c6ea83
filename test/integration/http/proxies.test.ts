import { expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { problemOf } from '../../support/problem.js';

async function hstsBehind(trustedProxies: string[]): Promise<string | null> {
  const darkroom = await startDarkroom('postgres', {
    workers: false,
    settings: { trustedProxies },
  });
  atTestEnd(() => darkroom.close());
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' };
  const answer = await darkroom.request('/health/live', { key: null, headers });
  return answer.headers.get('strict-transport-security');
}

it('a trusted proxy may say that the client used TLS (security 20, 40)', async () => {
  expect((await hstsBehind(['127.0.0.0/8']))!).toMatch(/max-age/);
});

it('other clients may not say that they used TLS (security 20)', async () => {
  expect(await hstsBehind([])).toBe(null);
  expect(await hstsBehind(['10.0.0.1'])).toBe(null);
});

function logIn(darkroom: TestDarkroom, key: string, headers: Record<string, string>) {
  return darkroom.request('/admin/login', {
    method: 'POST',
    key: null,
    body: new URLSearchParams({ key }),
    headers,
    redirect: 'manual',
  });
}

it.each([
  [true, ['127.0.0.0/8']],
  [false, ['10.0.0.1']],
])(
  'the session cookie is Secure (%s) when a trusted proxy says TLS (security 20, 40)',
  async (isSecure, trustedProxies) => {
    const darkroom = await startDarkroom('postgres', {
      workers: false,
      settings: { trustedProxies },
    });
    atTestEnd(() => darkroom.close());
    const said = { 'x-forwarded-proto': 'https' };
    const answer = await logIn(darkroom, darkroom.adminKey, said);
    expect(answer.status).toBe(303);
    const [, ...attributes] = answer.headers.get('set-cookie')!.split('; ');
    expect(attributes).toContain('HttpOnly');
    expect(attributes.includes('Secure')).toBe(isSecure);
  },
);

it('wrong keys are counted for the client behind a trusted proxy (security 4, 20)', async () => {
  const darkroom = await startDarkroom('postgres', {
    workers: false,
    settings: { trustedProxies: ['127.0.0.0/8'] },
  });
  atTestEnd(() => darkroom.close());
  const guessFrom = async (client: string) => {
    // What a client says of itself stands before what the proxy has seen.
    const headers = { 'x-forwarded-for': `198.51.100.7, ${client}` };
    return (await darkroom.request('/api/v1/tasks', { key: 'dk_wrong', headers })).status;
  };
  for (let n = 0; n < 20; n++) expect(await guessFrom('203.0.113.9')).toBe(401);
  expect(await guessFrom('203.0.113.9')).toBe(429);
  const form = await logIn(darkroom, 'dk_wrong', { 'x-forwarded-for': '203.0.113.9' });
  expect(form.status).toBe(429);
  expect(await guessFrom('203.0.113.10')).toBe(401);
});

it('the public origin decides which pages are ours, whatever the Host (security 36)', async () => {
  const darkroom = await startDarkroom('postgres', {
    workers: false,
    settings: { publicOrigin: 'https://us.example' },
  });
  atTestEnd(() => darkroom.close());
  const login = (origin: string) =>
    darkroom.request('/admin/login', {
      method: 'POST',
      key: null,
      body: new URLSearchParams({ key: darkroom.adminKey }),
      headers: { origin },
      redirect: 'manual',
    });
  expect((await login('https://us.example')).status).toBe(303);
  for (const origin of ['http://us.example', darkroom.url, 'https://evil.example']) {
    await problemOf(await login(origin), 403, 'cross_site_request');
  }
});
