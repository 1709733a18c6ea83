/** A text as it is compared: one spelling for letters that look the same to Unicode, no invisible characters. */
function plain(text: string): string {
  return text
    .normalize('NFKC')
    .replaceAll(/\p{Cf}/gu, '')
    .replaceAll(/\s+/g, ' ')
    .toLowerCase();
}

/**
 * The first of these words or phrases that a text has: whole words, in either case, in the singular or with -s or -es.
 *
 * @returns undefined when it has none
 */
export function findWord(text: string, words: readonly string[]): string | undefined {
  const searched = plain(text);
  return words.find((word) => {
    const pattern = plain(word).replaceAll(/[^\p{L}\p{N}\s]/gu, '\\$&');
    return new RegExp(`(?<![\\p{L}\\p{N}])${pattern}(?:e?s)?(?![\\p{L}\\p{N}])`, 'u').test(
      searched,
    );
  });
}
