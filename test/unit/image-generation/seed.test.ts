import { expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { chosenSeed } from '../../../src/features/image-generation/seed.js';

it('a chosen seed and those of its batch are signed 32-bit numbers', () => {
  for (let i = 0; i < 1000; i++) {
    const seed = chosenSeed(8);
    about(String(seed), () => expect(seed >= 0 && seed + 7 < 2 ** 31).toBe(true));
  }
});
