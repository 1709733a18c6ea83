import { describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
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

async function startGuarded() {
  return startSketch({ stepMs: 5, auth: `${user}:${password}` });
}

/** However somebody prints it: message, stack, JSON, every cause and hidden property. */
function assertNoSecret(thing: unknown): void {
  const printed = inspect(thing, { depth: Infinity, showHidden: true, maxStringLength: null });
  for (const text of [printed, JSON.stringify(thing), String(thing)]) {
    for (const secret of secrets)
      about(`leaks in: ${text}`, () => expect(text).not.toContain(secret));
  }
}

describe('Basic auth', () => {
  it('lets the right credentials in', async () => {
    const { url } = await startGuarded();
    const engine = client(withCredentials(url, right));
    expect((await draw(engine)).images.length).toBe(1);
    expect((await engine.probe()).interrupt).toBe(true);
    expect(engine.url).toBe(url);
  });

  for (const [what, credentials] of [
    ['wrong', 'darkroom:guess'],
    ['no', ''],
  ] as const) {
    it(`treats ${what} credentials as a wrong configuration`, async () => {
      const { sketch, url } = await startGuarded();
      const engine = client(credentials ? withCredentials(url, credentials) : url);
      expect((await errorOf(draw(engine))).kind).toBe('misconfigured');
      expect((await errorOf(engine.probe())).kind).toBe('misconfigured');
      expect(sketch.state().requests).toBe(0);
    });
  }

  it('reaches the interrupt as well', async () => {
    const { sketch, url } = await startGuarded();
    const stop = new AbortController();
    const engine = client(withCredentials(url, right));
    const call = errorOf(draw(engine, { request: { steps: 1000 }, signal: stop.signal }));
    await becomesActive(sketch, 'task(one-a1)');
    stop.abort();
    assertNoSecret(await call);
    expect(sketch.state().jobs[0]?.outcome).toBe('interrupted');
  });
});

describe('credentials (security 38)', () => {
  it('are in no error', async () => {
    const { sketch, url } = await startGuarded();
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

  it('are in no error of a server that does not exist', async () => {
    const gone = createSketch();
    const url = await gone.listen();
    await gone.close();
    assertNoSecret(await errorOf(draw(client(withCredentials(url, right)))));
  });

  it('are sent to their own server only', async () => {
    const { url } = await startGuarded();
    const elsewhere = await startFront(url);
    const front = await startFront(url, ({ path }, response) => {
      if (path !== '/sdapi/v1/txt2img') return false;
      response.writeHead(302, { location: elsewhere.url + path }).end();
      return true;
    });
    await errorOf(draw(client(withCredentials(front.url, right))));
    expect(elsewhere.seen.length).toBe(0);
  });
});

describe('the text of a server', () => {
  it('is in no error', async () => {
    const { url } = await startSketch();
    const front = await startFront(url, ({ path }, response) => {
      if (path !== '/sdapi/v1/txt2img') return false;
      response.writeHead(500, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: password, detail: password, errors: password }));
      return true;
    });
    assertNoSecret(await errorOf(draw(client(front.url))));
  });
});
