import type { CreditsEnvironment } from '../../config/variables/credits.js';

/** What is to be drawn. */
export interface Work {
  width: number;
  height: number;
  steps: number;
  batch_size: number;
}

/** Credits. */
export interface Price {
  images: number;
  perImage: number;
  total: number;
}

/** The price of all images of a request. Only those that are delivered are charged. */
export function priceOf(
  { width, height, steps, batch_size: images }: Work,
  { pricePerImage, pricePixelSteps }: Pick<CreditsEnvironment, 'pricePerImage' | 'pricePixelSteps'>,
): Price {
  const amounts = pricePixelSteps === 0 ? 1 : Math.ceil((width * height * steps) / pricePixelSteps);
  const perImage = amounts * pricePerImage;
  return { images, perImage, total: images * perImage };
}
