import type { Api } from './site.js';

/** Asks for `count` pictures. */
export async function postPictures(
  { url, key }: Api,
  count: number,
  shape: { width: number; height: number; steps: number },
): Promise<void> {
  for (let n = 0; n < count; n++) {
    const response = await fetch(`${url}/api/v1/generate-image/`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: `picture ${n}`, ...shape }),
    });
    if (response.status !== 202) throw new Error(`Answered ${response.status}`);
    await response.arrayBuffer();
  }
}
