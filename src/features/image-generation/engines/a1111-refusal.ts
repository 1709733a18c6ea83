import { z } from 'zod';
import { EngineError } from './engine-error.js';

const permanent =
  /invalid encoded image|requests not allowed|model .* not found|sampler not found/i;
const outOfMemory = /out ?of ?memory/i;
const fastApiDetail = z.object({
  detail: z.array(z.object({ loc: z.array(z.union([z.string(), z.number()])) })),
});

/** The class of an answer that is no 200. What the server wrote never goes on. */
export function refusal(
  url: string,
  status: number,
  body: unknown,
  retryAfter: unknown,
): EngineError {
  const text = (JSON.stringify(body) ?? '').slice(0, 10_000);
  const say = (kind: EngineError['kind'], what: string) => new EngineError(kind, `${url} ${what}.`);
  if (status === 401 || status === 403) return say('misconfigured', 'refused our credentials');
  if (status === 429) {
    const seconds = Number(retryAfter);
    return new EngineError('unavailable', `${url} asked us to slow down.`, {
      retryAfterSeconds: Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 600) : 30,
    });
  }
  if (outOfMemory.test(text)) return say('out_of_memory', 'ran out of memory');
  if (status === 422) return say('invalid_request', `refused the request${fields(body)}`);
  if (permanent.test(text))
    return say('invalid_request', 'refused the request: unknown sampler or model');
  if (status === 404 || status === 405)
    return say('misconfigured', 'has no txt2img route (is its API on?)');
  if (status === 400) return say('invalid_request', 'refused the request');
  return say('unavailable', `answered with an error (${status})`);
}

function fields(body: unknown): string {
  const parsed = fastApiDetail.safeParse(body);
  if (!parsed.success) return '';
  const names = parsed.data.detail.map((d) => String(d.loc.at(-1)).replace(/[^\w.]/g, ''));
  return `: ${names.slice(0, 5).join(', ').slice(0, 100)}`;
}
