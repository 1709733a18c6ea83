/** Where the load goes; the same request for Darkroom and for the baseline. */
export interface Target {
  url: string;
  key: string;
}

export const path = '/api/v1/generate-image/';

export function headersFor({ key }: Target): Record<string, string> {
  return { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
}

export const body = JSON.stringify({
  prompt: 'a lighthouse at dusk, heavy clouds, oil on canvas',
  negative_prompt: 'blurry, text',
  width: 768,
  height: 512,
  steps: 28,
  seed: 7,
  metadata: { order: 4711, shop: 'north' },
});
