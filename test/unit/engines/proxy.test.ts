import { afterEach, expect, it } from '@jest/globals';
import { A1111Http } from '../../../src/features/image-generation/engines/a1111-http.js';
import { startFront } from './front-server.js';
import { client, draw, startSketch } from './support.js';

const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];
afterEach(() => {
  for (const name of names) delete process.env[name];
});

it('requests to an engine ignore the proxies of the environment (security 26)', async () => {
  const { url } = await startSketch();
  const proxy = await startFront(url);
  for (const name of names) process.env[name] = proxy.url;
  expect((await draw(client(url))).images.length).toBe(1);
  expect(proxy.seen.length).toBe(0);
});

it('requests to an engine go to its own address, whatever the path is (security 26)', async () => {
  const { url } = await startSketch();
  const [own, other] = [await startFront(url), await startFront(url)];
  const http = new A1111Http(`${own.url}/below`);
  for (const path of [`${other.url}/x`, other.url.replace('http:', ''), '//x', '/sdapi']) {
    await http.get(path, 10_000).catch(() => {});
  }
  expect(other.seen.length).toBe(0);
  expect(own.seen.every(({ path }) => path.startsWith('/below/'))).toBe(true);
  expect(own.seen.length).toBe(4);
});
