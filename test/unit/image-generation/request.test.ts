import { describe, expect, it } from '@jest/globals';
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
    it(`${header?.slice(0, 40)}: ${seconds}`, () => expect(preferredWait(header)).toBe(seconds));
  }
});

describe('an idempotency key', () => {
  it('may be missing', () => expect(checkIdempotencyKey(undefined)).toBe(undefined));

  for (const key of ['x', 'x'.repeat(255), '!~']) {
    it(`may be ${key.slice(0, 20)} (${key.length})`, () => {
      expect(checkIdempotencyKey(key)).toBe(key);
    });
  }

  for (const key of ['', 'x'.repeat(256), 'a b', 'a\n', '\u007f', 'é']) {
    it(`may not be ${JSON.stringify(key.slice(0, 20))} (${key.length})`, () => {
      expect(() => checkIdempotencyKey(key)).toThrow(
        expect.objectContaining({ status: 422, code: 'invalid_fields' }),
      );
    });
  }
});

describe('the canonical JSON of a request', () => {
  it('is the same for the same fields in any order, and for nothing else', () => {
    const shuffled = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      if (Array.isArray(value)) return value.map(shuffled);
      const entries = Object.entries(value).map(([key, item]) => [key, shuffled(item)] as const);
      return Object.fromEntries(entries.toReversed());
    };
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        expect(canonicalJson(shuffled(one))).toBe(canonicalJson(one));
        expect(JSON.parse(canonicalJson(one))).toEqual(JSON.parse(JSON.stringify(one)));
        const same = canonicalJson(one) === canonicalJson(other);
        expect(same).toBe(isSame(JSON.parse(JSON.stringify(one)), other));
      }),
    );
  });
});

function isSame(one: unknown, other: unknown): boolean {
  try {
    expect(one).toEqual(JSON.parse(JSON.stringify(other)));
    return true;
  } catch {
    return false;
  }
}

describe('the generation request', () => {
  it('has its defaults', () => {
    expect(generationRequest.parse({ prompt: ' a cat ' })).toEqual({
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

  it('returns metadata unchanged', () => {
    const metadata = { b: [1, { c: null }], a: '€', '': false };
    expect(generationRequest.parse({ prompt: 'x', metadata }).metadata).toEqual(metadata);
  });
});
