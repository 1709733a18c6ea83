import { commaList } from '../environment-values.js';
import { variable, type Values } from './variable.js';

/** Words or phrases, separated by commas. */
const words = commaList
  .refine((list) => list.length <= 1_000, 'has more than 1,000 words')
  .refine((list) => list.every((word) => /[\p{L}\p{N}]/u.test(word)), 'has a word without letters');

export const moderationVariables = {
  BLOCKED_WORDS: variable(words.default([]), {
    description:
      'Words or phrases, separated by commas: a photo_request that asks for one is refused, and feedback that has one is flagged.',
    example: 'gore,some name',
  }),
};

export interface ModerationEnvironment {
  blockedWords: string[];
}

export function moderationEnvironment(
  v: Values<typeof moderationVariables>,
): ModerationEnvironment {
  return { blockedWords: v.BLOCKED_WORDS };
}
