/** A word, or words next to each other. */
export interface Term {
  text: string;
  /** What is found must not have it. */
  without: boolean;
}

/**
 * Reads what a user looks for: `"…"` next to each other, `or` one of them, `-` without. Any text can be read.
 *
 * @returns the alternatives, each of which is terms that hold together; none: nothing can be found
 */
export function searchTerms(q: string): Term[][] {
  const alternatives: Term[][] = [[]];
  for (const [, dash, quoted, plain] of q.matchAll(/(-?)(?:"([^"]*)"?|([^\s"]+))/gu)) {
    if (plain?.toLowerCase() === 'or' && dash === '') {
      alternatives.push([]);
      continue;
    }
    const text = (quoted ?? plain ?? '').trim();
    // Neither backend finds anything else.
    if (/[\p{L}\p{N}]/u.test(text)) alternatives.at(-1)!.push({ text, without: dash === '-' });
  }
  return alternatives.filter((terms) => terms.length > 0);
}
