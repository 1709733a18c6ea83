import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { createSketch } from '../../../src/sketch/sketch-server.js';
import { startFront } from './front-server.js';
import { becomesActive, client, draw, errorOf, startSketch } from './support.js';

const user = 'darkroom';
const password = 'pa:ss@word/1%';
const right = `${user}:${encodeURIComponent(password)}`;
const secrets = [
  password,
  encodeURIComponent(password),
  Buffer.from(`${user}:${password}`).toString('base64'),
];

const withCredentials = (url: string, credentials: string) =>
  url.replace('//', `//${credentials}@`);

async function startGuarded(t: TestContext) {
  return startSketch(t, { stepMs: 5, auth: `${user}:${password}` });
}

/** However somebody prints it: message, stack, JSON, every cause and hidden property. */
function assertNoSecret(thing: unknown): void {
  const printed = inspect(thing, { depth: Infinity, showHidden: true, maxStringLength: null });
  for (const text of [printed, JSON.stringify(thing), String(thing)]) {
    for (const secret of secrets) assert.ok(!text.includes(secret), `leaks in: ${text}`);
  }
}

describe('Basic auth', () => {
  it('lets the right credentials in', async (t) => {
    const { url } = await startGuarded(t);
    const engine = client(withCredentials(url, right));
    assert.equal((await draw(engine)).images.length, 1);
    assert.equal((await engine.probe()).interrupt, true);
    assert.equal(engine.url, url);
  });

  for (const [what, credentials] of [
    ['wrong', 'darkroom:guess'],
    ['no', ''],
  ] as const) {
    it(`takes ${what} credentials for a mistake of ours`, async (t) => {
      const { sketch, url } = await startGuarded(t);
      const engine = client(credentials ? withCredentials(url, credentials) : url);
      assert.equal((await errorOf(draw(engine))).kind, 'misconfigured');
      assert.equal((await errorOf(engine.probe())).kind, 'misconfigured');
      assert.equal(sketch.state().requests, 0);
    });
  }

  it('reaches the interrupt as well', async (t) => {
    const { sketch, url } = await startGuarded(t);
    const stop = new AbortController();
    const engine = client(withCredentials(url, right));
    const call = errorOf(draw(engine, { request: { steps: 1000 }, signal: stop.signal }));
    await becomesActive(sketch, 'task(one-a1)');
    stop.abort();
    assertNoSecret(await call);
    assert.equal(sketch.state().jobs[0]?.outcome, 'interrupted');
  });
});

describe('credentials', () => {
  it('are in no error', async (t) => {
    const { sketch, url } = await startGuarded(t);
    const engine = client(withCredentials(url, right));
    for (const kind of ['reset_before_headers', 'reset_mid_body', 'oversized_body'] as const) {
      sketch.misbehave({ kind });
      assertNoSecret(await errorOf(draw(engine)));
    }
    for (const kind of ['unauthorized', 'html_200', 'status_502', 'undecodable'] as const) {
      sketch.misbehave({ kind });
      assertNoSecret(await errorOf(draw(engine)));
    }
    assertNoSecret(await errorOf(draw(engine, { signal: AbortSignal.abort() })));
    sketch.misbehave({ kind: 'never_answer' });
    const hurried = client(withCredentials(url, right), { totalMs: 200 });
    assertNoSecret(await errorOf(draw(hurried)));
  });

  it('are in no error of a server that is not there', async () => {
    const gone = createSketch();
    const url = await gone.listen();
    await gone.close();
    assertNoSecret(await errorOf(draw(client(withCredentials(url, right)))));
  });

  it('go to that server only', async (t) => {
    const { url } = await startGuarded(t);
    const elsewhere = await startFront(t, url);
    const front = await startFront(t, url, ({ path }, response) => {
      if (path !== '/sdapi/v1/txt2img') return false;
      response.writeHead(302, { location: elsewhere.url + path }).end();
      return true;
    });
    await errorOf(draw(client(withCredentials(front.url, right))));
    assert.equal(elsewhere.seen.length, 0);
  });
});

describe('what a server writes', () => {
  it('is in no error', async (t) => {
    const { url } = await startSketch(t);
    const front = await startFront(t, url, ({ path }, response) => {
      if (path !== '/sdapi/v1/txt2img') return false;
      response.writeHead(500, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: password, detail: password, errors: password }));
      return true;
    });
    assertNoSecret(await errorOf(draw(client(front.url))));
  });
});
