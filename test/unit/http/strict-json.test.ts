import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parseStrictJson } from '../../../src/infrastructure/http/strict-json.js';

const parse = (text: string) => parseStrictJson(Buffer.from(text));
const isMalformed = { name: 'MalformedBodyError', status: 400, code: 'malformed_request' };

describe('strict JSON (security 16)', () => {
  it('reads what JSON.parse reads', () => {
    const tame = fc.jsonValue({ maxDepth: 5 }).filter((value) => {
      return !/"(?:__proto__|constructor|prototype)":/.test(JSON.stringify(value));
    });
    fc.assert(
      fc.property(tame, fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('refuses every text that JSON.parse refuses, and never crashes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          expect(parse(text)).toEqual(JSON.parse(Buffer.from(text).toString()));
        } catch (error) {
          expect((error as { code?: string }).code).toBe('malformed_request');
        }
      }),
    );
  });

  const fine: Record<string, string> = {
    'the same key in two objects': '[{"a":1},{"a":2},{"b":{"a":3},"a":4}]',
    'a string that looks like a key': '["a","a",{"a":"a"}]',
    'braces, quotes and commas in strings': '{"a":"{\\"b\\":1,\\"b\\":2}","c":"}],{["}',
    'an escaped backslash before a quote': '{"a\\\\":1,"a":2}',
    '__proto__ as a value': '{"a":"__proto__"}',
  };
  for (const [what, text] of Object.entries(fine)) {
    it(`reads ${what}`, () => expect(parse(text)).toEqual(JSON.parse(text)));
  }

  const bad: Record<string, string> = {
    'a key twice': '{"a":1,"b":{},"a":2}',
    'a key twice with white space': '{"a" : 1 , "a" : 2}',
    'a key twice after an array': '{"a":[1,{"x":"y"}],"a":2}',
    'an empty key twice': '{"":1,"":2}',
    'prototype in an array': '[[{"prototype":1}]]',
  };
  for (const [what, text] of Object.entries(bad)) {
    it(`refuses ${what}`, () =>
      expect(() => parse(text)).toThrow(expect.objectContaining(isMalformed)));
  }

  for (const bytes of ['ff', '22c322', '22eda08022', '22c0af22', 'efbbbf3122']) {
    it(`refuses the bytes ${bytes}`, () => {
      expect(() => parseStrictJson(Buffer.from(bytes, 'hex'))).toThrow(
        expect.objectContaining(isMalformed),
      );
    });
  }

  it('does not repeat the body in its message', () => {
    assert.throws(
      () => parse('{"secret": canary'),
      (error: Error) => !error.message.includes('canary'),
    );
  });
});
