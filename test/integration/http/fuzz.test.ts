import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import * as fc from 'fast-check';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { problemOf } from '../../support/problem.js';

const runs = { numRuns: 300 };
const text = fc.string({ unit: 'binary', maxLength: 300 });
const names = ['prompt', 'negative_prompt', 'width', 'steps', 'cfg_scale', 'seed', 'model'];
const moreNames = ['batch_size', 'priority', 'expires_in', 'metadata', 'webhook_url', 'chat_id'];
const anything = fc.oneof(
  fc.jsonValue(),
  fc.double().map((n) => (Number.isFinite(n) ? n : 0)),
  fc.integer({ min: -10, max: 3000 }),
  text,
);
const nearlyRight = fc
  .dictionary(fc.constantFrom(...names, ...moreNames), anything)
  .map((fields) => ({ prompt: 'x', ...fields }));

/** A failure prints the seed that repeats it. */
describe('the API (security 46)', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  afterAll(() => darkroom.close());

  async function isAnsweredProperly(answer: Response): Promise<void> {
    about(`${answer.status}: ${await answer.clone().text()}`, () =>
      expect(answer.status).toBeLessThan(500),
    );
    if (answer.status < 400) await answer.text();
    else await problemOf(answer, answer.status);
  }

  const post = (body: RequestInit['body'], headers: Record<string, string> = {}) =>
    darkroom.request('/api/v1/generate-image', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });

  it('gives a proper answer to any JSON', async () => {
    const body = fc.oneof(
      fc.json(),
      nearlyRight.map((value) => JSON.stringify(value)),
    );
    await fc.assert(
      fc.asyncProperty(body, async (json) => isAnsweredProperly(await post(json))),
      runs,
    );
  });

  it('gives a proper answer to any text and any bytes', async () => {
    const body = fc.oneof(
      text,
      text.map((inside) => `{"prompt":"${inside}"}`),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(body, async (raw) => isAnsweredProperly(await post(raw))),
      runs,
    );
  });

  it('gives a proper answer to any header values', async () => {
    const printable = fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f);
    const value = fc
      .array(printable, { maxLength: 300 })
      .map((codes) => String.fromCharCode(...codes));
    const name = fc.constantFrom('idempotency-key', 'prefer', 'authorization', 'cookie');
    const others = fc.constantFrom('content-type', 'x-request-id', 'origin', 'sec-fetch-site');
    const headers = fc.dictionary(
      fc.oneof(name, others),
      // A wait would only make the run long.
      value.filter((text) => !/wait\s*=/i.test(text)),
    );
    await fc.assert(
      fc.asyncProperty(headers, async (given) => isAnsweredProperly(await post('{}', given))),
      runs,
    );
  });

  it('gives a proper answer to any path and query', async () => {
    const segment = fc.oneof(
      fc.webSegment(),
      fc.string({ unit: 'grapheme' }).map(encodeURIComponent),
      fc.constantFrom('..', '%2e%2e', '%00', '%2F', '%', '*', ':task_id', ''),
    );
    const start = fc.constantFrom('api/v1/images', 'api/v1/generation-status', 'admin', 'health');
    const query = fc.oneof(
      fc.constant(''),
      fc.webQueryParameters().map((raw) => `?${raw}`),
    );
    const path = fc.tuple(start, fc.array(segment, { maxLength: 3 }), query);
    await fc.assert(
      fc.asyncProperty(path, async ([first, rest, last]) => {
        const url = `/${[first, ...rest].join('/')}${last}`;
        await isAnsweredProperly(await darkroom.request(url, { redirect: 'manual' }));
      }),
      runs,
    );
  });
});
