import { z } from 'zod';

/** Languages of mails: each has a folder of templates. */
export const LANGUAGES = ['en', 'ru'] as const;
export type Language = (typeof LANGUAGES)[number];

export const language = z.enum(LANGUAGES);

/** The language that an `Accept-Language` header likes best. @returns undefined when it names none of ours */
export function acceptedLanguage(header: string | undefined): Language | undefined {
  const named = (header ?? '').slice(0, 1_000).split(',').map(rangeOf);
  const wanted = named.filter(({ q }) => q > 0).toSorted((a, b) => b.q - a.q);
  for (const { tag } of wanted) {
    const ours = LANGUAGES.find((one) => tag === one || tag.startsWith(`${one}-`));
    if (ours !== undefined) return ours;
  }
  return undefined;
}

/** `ru-RU;q=0.8` */
function rangeOf(range: string): { tag: string; q: number } {
  const [tag = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((one) => one.startsWith('q='));
  return { tag, q: weight === undefined ? 1 : Number(weight.slice(2)) || 0 };
}
