import { expect, it } from '@jest/globals';
import { isStorableJson } from '../../../src/common/storable-text.js';

it('the check for storable text looks at every key and string, however deep', () => {
  const nested = (bottom: unknown) => {
    let value = bottom;
    for (let level = 0; level < 100_000; level++) value = level % 2 ? [value] : { a: value };
    return value;
  };
  expect(isStorableJson(nested('bottom 💡'))).toBe(true);
  expect(isStorableJson(nested('bottom \ud83d'))).toBe(false);
  expect(isStorableJson(nested({ 'a\u0000': 1 }))).toBe(false);
});
