import { findWord } from '../../common/find-word.js';

/** Words for somebody who is not grown up. */
const young = [
  'child',
  'children',
  'kid',
  'toddler',
  'infant',
  'preteen',
  'teen',
  'teenager',
  'teenage',
  'underage',
  'minor',
  'schoolgirl',
  'schoolboy',
  'little girl',
  'little boy',
  'young girl',
  'young boy',
  'loli',
  'shota',
];

const sexual = [
  'nude',
  'nudity',
  'naked',
  'topless',
  'undressed',
  'lingerie',
  'erotic',
  'erotica',
  'sexy',
  'sex',
  'sexual',
  'sexually',
  'porn',
  'pornographic',
  'nsfw',
  'hentai',
];

/** `12 years old`, `15-year-old`, `16yo`, `aged 9`, `age: 17`. */
const ages = [
  /\b(\d{1,2})[\s-]{0,3}(?:years?|yrs?)[\s-]{0,3}old\b/gi,
  /\b(\d{1,2})[\s-]{0,3}y\.?\/?o\b/gi,
  /\baged?\b[\s:]*(\d{1,2})(?!\d)/gi,
];
const adultAt = 18;

/**
 * Why no picture is made of a prompt. Two rules: nobody under 18, by a word or by a stated age, together with anything
 * sexual; and none of the words that the operator has blocked.
 *
 * This reads words, not meanings. It stops what is asked for plainly, in English; who wants to get around it can. An
 * installation that is open to strangers needs a classifier as well.
 *
 * @returns undefined when it is allowed
 */
export function refusalOf(
  prompt: string,
  blockedWords: readonly string[],
): 'minor' | 'blocked_word' | undefined {
  if (findWord(prompt, blockedWords) !== undefined) return 'blocked_word';
  if (findWord(prompt, sexual) === undefined) return undefined;
  return findWord(prompt, young) !== undefined || hasYoungAge(prompt) ? 'minor' : undefined;
}

function hasYoungAge(prompt: string): boolean {
  return ages.some((pattern) =>
    [...prompt.normalize('NFKC').matchAll(pattern)].some(([, age]) => Number(age) < adultAt),
  );
}
