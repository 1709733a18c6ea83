import assert from 'node:assert/strict';
import { it } from 'node:test';
import { chosenSeed } from '../../../src/features/image-generation/seed.js';

it('a chosen seed and those of its batch are signed 32-bit numbers', () => {
  for (let i = 0; i < 1000; i++) {
    const seed = chosenSeed(8);
    assert.ok(seed >= 0 && seed + 7 < 2 ** 31, String(seed));
  }
});
