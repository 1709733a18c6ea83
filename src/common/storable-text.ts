/**
 * True when Postgres can keep the text in jsonb: no NUL, no half of a surrogate pair. Anything else
 * that JSON allows fits.
 */
export function isStorable(text: string): boolean {
  return !text.includes('\u0000') && !/\p{Surrogate}/u.test(text);
}

/** The same for every key and string of a JSON value, at any depth. */
export function isStorableJson(value: unknown): boolean {
  const waiting = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === 'string' && !isStorable(next)) return false;
    if (typeof next !== 'object' || next === null) continue;
    for (const [key, item] of Object.entries(next)) {
      if (!isStorable(key)) return false;
      waiting.push(item);
    }
  }
  return true;
}
