import { expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { startDarkroom } from '../../support/darkroom.js';
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
