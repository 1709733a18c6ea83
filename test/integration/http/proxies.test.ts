import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { startDarkroom } from '../../support/darkroom.js';

async function hstsBehind(t: TestContext, trustedProxies: string[]): Promise<string | null> {
  const darkroom = await startDarkroom('postgres', {
    workers: false,
    settings: { trustedProxies },
  });
  t.after(() => darkroom.close());
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' };
  const answer = await darkroom.request('/health/live', { key: null, headers });
  return answer.headers.get('strict-transport-security');
}

it('a proxy that is trusted says that the client came by TLS', async (t) => {
  assert.match((await hstsBehind(t, ['127.0.0.0/8']))!, /max-age/);
});

it('anybody else cannot say so', async (t) => {
  assert.equal(await hstsBehind(t, []), null);
  assert.equal(await hstsBehind(t, ['10.0.0.1']), null);
});
