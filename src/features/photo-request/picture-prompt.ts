import { cutText } from '../../common/cut-text.js';
import type { ChatMessage, PhotoRequest } from './photo-request.event.js';

/** Of a prompt. Characters, as its schema counts them. */
const longestPrompt = 2_000;
/** What was said before is a hint, so it gets less room than what is asked for. */
const longestHint = 600;
const mostHints = 4;

export interface PicturePrompt {
  prompt: string;
  negative_prompt: string;
}

/**
 * The prompt for a picture of a character: its style, its name and looks, what is asked for, and what was said last, the
 * newest first. What does not fit is left out from the end.
 */
export function picturePrompt(
  { character, message }: Pick<PhotoRequest, 'character' | 'message'>,
  before: readonly ChatMessage[],
): PicturePrompt {
  const { style, name, appearance, negative } = character;
  const wanted = joined([style, name, appearance, message], longestPrompt);
  const said = before.slice(-mostHints).map(({ text }) => text);
  const hints = joined(said.toReversed(), longestHint);
  return {
    prompt: joined([wanted, hints], longestPrompt),
    negative_prompt: joined([negative], longestPrompt),
  };
}

function joined(parts: (string | undefined)[], longest: number): string {
  const words = parts.map((part) => withoutCommands(part ?? '')).filter(Boolean);
  return cut(words.join(', '), longest);
}

/**
 * People who chat do not know what engines read as commands, so a message is not refused for them: the signs that begin
 * them are taken out.
 */
function withoutCommands(text: string): string {
  return text
    .normalize('NFKC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .replaceAll(/[<>{}[\]$%]/g, ' ')
    .replaceAll(/_{2,}/g, '_')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** Cut between words, if there are any. */
function cut(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const kept = cutText(text, longest);
  return kept.replace(/[\s,]+\S*$/, '') || kept;
}
