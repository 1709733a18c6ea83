import { z } from 'zod';
import { EngineError } from './engine-errors.js';

/** Found in answers of 400, 404 and 500; A1111 sends 500 for input that it cannot read. */
const permanent =
  /invalid encoded image|requests not allowed|model \\?['"].{1,300}['"] not found|sampler not found/i;
const unknown = 'unknown sampler or model';
const outOfMemory = /out ?of ?memory/i;
const fastApiDetail = z.object({
  detail: z.array(z.object({ loc: z.array(z.union([z.string(), z.number()])) })),
});
/** Not `body`: there the server repeats the client's own text. */
const said = z
  .object({ error: z.unknown(), detail: z.unknown(), errors: z.unknown(), message: z.unknown() })
  .partial();

/** Whether the body is an HTML page. Gateways send one in place of an answer; it says nothing about the server itself. */
export function isPage(body: unknown): boolean {
  return typeof body === 'string' && /^\s*</.test(body);
}

/** The error for an answer that is not a 200, or is a page. The server's own text is never passed on. */
export function refusal(
  url: string,
  status: number,
  body: unknown,
  retryAfter?: unknown,
): EngineError {
  const say = (kind: EngineError['kind'], what: string, shown?: string) =>
    new EngineError(kind, `${url} ${what}.`, shown === undefined ? {} : { shown });
  if (status === 200) return say('unavailable', 'gave a page instead of an answer');
  if (status >= 300 && status < 400) return say('misconfigured', 'redirects to another address');
  if (status === 401 || status === 403) return say('misconfigured', 'refused our credentials');
  if (status === 429 || (status === 503 && retryAfter !== undefined)) {
    const retryAfterSeconds = seconds(retryAfter);
    return new EngineError('unavailable', `${url} asked us to slow down.`, { retryAfterSeconds });
  }
  // Before the search for words: this answer may repeat the prompt.
  if (status === 422) {
    const names = fields(body);
    return say(
      'invalid_request',
      `refused the request${names && `: ${names}`}`,
      names || undefined,
    );
  }
  const text = (JSON.stringify(said.safeParse(body).data) ?? '').slice(0, 10_000);
  if (outOfMemory.test(text)) return say('out_of_memory', 'ran out of memory');
  if (permanent.test(text) && [400, 404, 500].includes(status))
    return say('invalid_request', `refused the request: ${unknown}`, unknown);
  if (status === 404 || status === 405)
    return say('misconfigured', 'has no txt2img route (is its API on?)');
  if (status === 400) return say('invalid_request', 'refused the request');
  const away = status >= 502 && status <= 504;
  return say(away ? 'unavailable' : 'failed', `answered with an error (${status})`);
}

/**
 * Parses seconds, or a date as HTTP allows; 30 s when unreadable. At most a minute: the server may be well long
 * before, and can ask for more time again.
 */
function seconds(retryAfter: unknown): number {
  const text = String(retryAfter);
  const wait = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isNaN(wait) ? 30 : Math.ceil(Math.min(60, Math.max(1, wait)));
}

function fields(body: unknown): string {
  const parsed = fastApiDetail.safeParse(body);
  if (!parsed.success) return '';
  const names = parsed.data.detail.map((d) => String(d.loc.at(-1)).replace(/[^\w.]/g, ''));
  return names.slice(0, 5).join(', ').slice(0, 100);
}
