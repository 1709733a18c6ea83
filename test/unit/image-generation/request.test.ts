import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { generationRequest } from '../../../src/features/image-generation/image-generation.dto.js';
import {
  canonicalJson,
  checkIdempotencyKey,
} from '../../../src/features/image-generation/idempotency.js';
import { preferredWait } from '../../../src/features/image-generation/prefer.js';

describe('Prefer', () => {
  const waits: [header: string | undefined, seconds: number | undefined][] = [
    ['wait=0', 0],
    ['wait=10', 10],
    ['WAIT = 10', 10],
    ['wait="10"', 10],
    ['respond-async, wait=10', 10],
    ['wait=10; foo=bar', 10],
    ['foo;wait=10', 10],
    ['wait=5, wait=10', 5],
    ['wait=60', 60],
    ['wait=61', 60],
    [`wait=${'9'.repeat(400)}`, 60],
    ['wait=-1', undefined],
    ['wait=1.5', undefined],
    ['wait=1s', undefined],
    ['wait', undefined],
    ['await=1', undefined],
    ['x-wait=1', undefined],
    ['', undefined],
    [undefined, undefined],
  ];
  for (const [header, seconds] of waits) {
    it(`${header?.slice(0, 40)}: ${seconds}`, () => assert.equal(preferredWait(header), seconds));
  }
});

describe('an idempotency key', () => {
  it('may be missing', () => assert.equal(checkIdempotencyKey(undefined), undefined));

  for (const key of ['x', 'x'.repeat(255), '!~']) {
    it(`may be ${key.slice(0, 20)} (${key.length})`, () => {
      assert.equal(checkIdempotencyKey(key), key);
    });
  }

  for (const key of ['', 'x'.repeat(256), 'a b', 'a\n', '\u007f', 'é']) {
    it(`may not be ${JSON.stringify(key.slice(0, 20))} (${key.length})`, () => {
      assert.throws(() => checkIdempotencyKey(key), { status: 422, code: 'invalid_fields' });
    });
  }
});

describe('the canonical JSON of a request', () => {
  it('is the same for fields in any order, and for nothing else', () => {
    const shuffled = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      if (Array.isArray(value)) return value.map(shuffled);
      const entries = Object.entries(value).map(([key, item]) => [key, shuffled(item)] as const);
      return Object.fromEntries(entries.toReversed());
    };
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        assert.equal(canonicalJson(shuffled(one)), canonicalJson(one));
        assert.deepEqual(JSON.parse(canonicalJson(one)), JSON.parse(JSON.stringify(one)));
        const same = canonicalJson(one) === canonicalJson(other);
        assert.equal(same, isSame(JSON.parse(JSON.stringify(one)), other));
      }),
    );
  });
});

function isSame(one: unknown, other: unknown): boolean {
  try {
    assert.deepEqual(one, JSON.parse(JSON.stringify(other)));
    return true;
  } catch {
    return false;
  }
}

describe('the generation request', () => {
  it('has its defaults', () => {
    assert.deepEqual(generationRequest.parse({ prompt: ' a cat ' }), {
      prompt: 'a cat',
      negative_prompt: '',
      width: 512,
      height: 512,
      steps: 20,
      cfg_scale: 7,
      seed: -1,
      batch_size: 1,
      priority: 'normal',
    });
  });

  it('gives metadata back as it came', () => {
    const metadata = { b: [1, { c: null }], a: '€', '': false };
    assert.deepEqual(generationRequest.parse({ prompt: 'x', metadata }).metadata, metadata);
  });
});
