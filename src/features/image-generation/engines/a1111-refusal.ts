import { z } from 'zod';
import { EngineError } from './engine-error.js';

/** In answers of 400, 404 and 500: the last for what A1111 cannot read. */
const permanent =
  /invalid encoded image|requests not allowed|model \\?['"].{1,300}['"] not found|sampler not found/i;
const outOfMemory = /out ?of ?memory/i;
const fastApiDetail = z.object({
  detail: z.array(z.object({ loc: z.array(z.union([z.string(), z.number()])) })),
});
/** Not `body`: there the server repeats what the client wrote. */
const said = z
  .object({ error: z.unknown(), detail: z.unknown(), errors: z.unknown(), message: z.unknown() })
  .partial();

/** The class of an answer that is no 200. What the server wrote never goes on. */
export function refusal(
  url: string,
  status: number,
  body: unknown,
  retryAfter?: unknown,
): EngineError {
  const say = (kind: EngineError['kind'], what: string) => new EngineError(kind, `${url} ${what}.`);
  if (status >= 300 && status < 400) return say('misconfigured', 'sends us to another address');
  if (status === 401 || status === 403) return say('misconfigured', 'refused our credentials');
  if (status === 429 || (status === 503 && retryAfter !== undefined)) {
    const retryAfterSeconds = seconds(retryAfter);
    return new EngineError('unavailable', `${url} asked us to slow down.`, { retryAfterSeconds });
  }
  // Before the search for words: this answer may repeat the prompt.
  if (status === 422) return say('invalid_request', `refused the request${fields(body)}`);
  const text = (JSON.stringify(said.safeParse(body).data) ?? '').slice(0, 10_000);
  if (outOfMemory.test(text)) return say('out_of_memory', 'ran out of memory');
  if (permanent.test(text) && [400, 404, 500].includes(status))
    return say('invalid_request', 'refused the request: unknown sampler or model');
  if (status === 404 || status === 405)
    return say('misconfigured', 'has no txt2img route (is its API on?)');
  if (status === 400) return say('invalid_request', 'refused the request');
  const away = status >= 502 && status <= 504;
  return say(away ? 'unavailable' : 'failed', `answered with an error (${status})`);
}

/** Seconds, or a date as HTTP allows: between 1 s and 10 minutes, or 30 s when unreadable. */
function seconds(retryAfter: unknown): number {
  const text = String(retryAfter);
  const wait = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isNaN(wait) ? 30 : Math.ceil(Math.min(600, Math.max(1, wait)));
}

function fields(body: unknown): string {
  const parsed = fastApiDetail.safeParse(body);
  if (!parsed.success) return '';
  const names = parsed.data.detail.map((d) => String(d.loc.at(-1)).replace(/[^\w.]/g, ''));
  return `: ${names.slice(0, 5).join(', ').slice(0, 100)}`;
}
