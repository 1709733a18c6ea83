import { expect, it } from '@jest/globals';
import { UnavailableError } from '../../../src/common/app-error.js';
import { Places } from '../../../src/common/places.js';

it('so many work at once, the others in their order, and the rest are refused', async () => {
  const places = new Places({ atOnce: 2, mostWaiting: 3, full: 'Full.' });
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const uses = [0, 1, 2, 3, 4, 5].map((n) =>
    places.use(async () => {
      begun.push(n);
      await new Promise<void>((resolve) => (ends[n] = resolve));
      if (n === 0) throw new Error('it failed');
      return n;
    }),
  );
  const failed = expect(uses[0]).rejects.toThrow('it failed');
  await expect(uses[5]).rejects.toThrow(UnavailableError);
  expect(begun).toEqual([0, 1]);
  ends[0]!();
  await failed;
  expect(begun).toEqual([0, 1, 2]);
  for (const n of [1, 2, 3, 4]) {
    ends[n]!();
    expect(await uses[n]).toBe(n);
  }
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  // All places are free again.
  const two = await Promise.all([places.use(async () => 1), places.use(async () => 2)]);
  expect(two).toEqual([1, 2]);
});
