import { expect, it } from '@jest/globals';
import { priceOf } from '../../../src/features/credits/price.js';

const work = { width: 512, height: 512, steps: 20, batch_size: 1 };
const unit = 512 * 512 * 20;

it('an image has one price, whatever its size, unless pixels and steps count', () => {
  const flat = { pricePerImage: 3, pricePixelSteps: 0 };
  expect(priceOf(work, flat)).toEqual({ images: 1, perImage: 3, total: 3 });
  expect(priceOf({ ...work, width: 2048, steps: 150, batch_size: 8 }, flat)).toEqual({
    images: 8,
    perImage: 3,
    total: 24,
  });
});

it('each amount of width × height × steps that is begun costs the price again', () => {
  const sized = { pricePerImage: 2, pricePixelSteps: unit };
  const perImage = (changes: Partial<typeof work>) =>
    priceOf({ ...work, ...changes }, sized).perImage;
  expect([
    perImage({ steps: 1 }),
    perImage({}),
    perImage({ steps: 21 }),
    perImage({ steps: 40 }),
  ]).toEqual([2, 2, 4, 4]);
  expect(perImage({ width: 1024, height: 1024, steps: 40 })).toBe(16);
  expect(priceOf({ ...work, width: 1024, batch_size: 4 }, sized).total).toBe(16);
});

it('it may be free', () => {
  const free = { pricePerImage: 0, pricePixelSteps: unit };
  expect(priceOf({ ...work, batch_size: 8 }, free)).toEqual({ images: 8, perImage: 0, total: 0 });
});
