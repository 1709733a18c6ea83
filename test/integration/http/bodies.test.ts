import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startDarkroom, type TestDarkroom, type TestRequest } from '../../support/darkroom.js';
import { problemOf } from '../../support/problem.js';

const json = { 'content-type': 'application/json' };
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const keys = (count: number) =>
  `{${Array.from({ length: count }, (_, i) => `"k${i}":0`).join(',')}}`;
const ofBytes = (bytes: number) => `{"a":"${'x'.repeat(bytes - '{"a":""}'.length)}"}`;

const malformed: Record<string, string | Buffer> = {
  'an empty body': '',
  'half an object': '{"prompt":"x"',
  'two values': '{"prompt":"x"}{}',
  'single quotes': "{'prompt':'x'}",
  'a byte order mark': '\ufeff{"prompt":"x"}',
  'a bare NUL': '{"prompt":"\u0000"}',
  NaN: '{"prompt":"x","steps":NaN}',
  'Latin-1 bytes': Buffer.from('{"prompt":"café"}', 'latin1'),
  'UTF-16': Buffer.from('{"prompt":"x"}', 'utf16le'),
  'a key twice': '{"prompt":"x","prompt":"y"}',
  'a key twice, once escaped': '{"prompt":"x","\\u0070rompt":"y"}',
  'a key twice, deep inside': '{"prompt":"x","metadata":{"a":[{"b":1,"b":2}]}}',
  __proto__: '{"prompt":"x","__proto__":{"steps":1}}',
  '__proto__ escaped': '{"prompt":"x","__pr\\u006fto__":{"steps":1}}',
  constructor: '{"prompt":"x","metadata":{"constructor":{"prototype":{"a":1}}}}',
  'depth 21': nested(21),
  'depth 30000': nested(30_000),
  '1001 keys': keys(1001),
};

const wrongShape: Record<string, string> = {
  'an array': '[{"prompt":"x"}]',
  null: 'null',
  'a string': '"prompt"',
  'a number': '1e400',
  true: 'true',
  'depth 20': nested(20),
  '1000 keys': keys(1000),
  'an infinite number': '{"prompt":"x","steps":1e400}',
  'the largest body that fits': ofBytes(64 * 1024),
};

const unreadable: Record<string, Record<string, string>> = {
  'text/plain': { 'content-type': 'text/plain' },
  'a form': { 'content-type': 'application/x-www-form-urlencoded' },
  multipart: { 'content-type': 'multipart/form-data; boundary=x' },
  'a type that begins like JSON': { 'content-type': 'application/jsonp' },
  'another JSON': { 'content-type': 'application/merge-patch+json' },
  nonsense: { 'content-type': '%%%' },
  'no type': {},
  gzip: { ...json, 'content-encoding': 'gzip' },
  brotli: { ...json, 'content-encoding': 'br' },
  'Latin-1': { 'content-type': 'application/json; charset=iso-8859-1' },
  'UTF-16 by its charset': { 'content-type': 'application/json; charset="utf-16"' },
};

describe('the body of a request', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  afterAll(() => darkroom.close());

  const post = (body: RequestInit['body'], headers: Record<string, string> = json) =>
    darkroom.request('/api/v1/generate-image', { method: 'POST', body, headers });

  for (const [what, body] of Object.entries(malformed)) {
    it(`${what}: 400 (security 16)`, async () => {
      const bytes = new Uint8Array(Buffer.from(body));
      await problemOf(await post(bytes), 400, 'malformed_request');
    });
  }

  for (const [what, body] of Object.entries(wrongShape)) {
    it(`${what}: 422`, async () => {
      const { errors } = await problemOf(await post(body), 422, 'invalid_fields');
      expect(errors!.length > 0 && errors!.length <= 50).toBe(true);
    });
  }

  for (const [what, headers] of Object.entries(unreadable)) {
    it(`${what}: 415 (security 42)`, async () => {
      const body = new TextEncoder().encode('{"prompt":"x"}');
      await problemOf(await post(body, headers), 415, 'unsupported_media_type');
    });
  }

  it('gets 422 when it is missing', async () => {
    await problemOf(await post(null, {}), 422, 'invalid_fields');
  });

  it('gets 413 when it is a byte too long, whether its length is announced or not (security 15)', async () => {
    const body = ofBytes(64 * 1024 + 1);
    await problemOf(await post(body), 413, 'body_too_large');
    const chunked = new Blob([body]).stream();
    const init = { method: 'POST', body: chunked, headers: json, duplex: 'half' };
    const answer = await darkroom.request('/api/v1/generate-image', init as TestRequest);
    await problemOf(answer, 413, 'body_too_large');
  });

  it('may name a charset beside JSON', async () => {
    const type = { 'content-type': 'Application/JSON; charset=utf-8' };
    expect((await post('{"prompt":"x"}', type)).status).toBe(202);
  });

  it('cannot change a prototype through a key (security 17)', async () => {
    await post('{"prompt":"x","__proto__":{"polluted":1}}');
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined);
  });
});
