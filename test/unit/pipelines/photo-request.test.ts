import { expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { findWord } from '../../../src/common/find-word.js';
import { findCommand } from '../../../src/features/image-generation/engines/prompt-commands.js';
import { generationRequest } from '../../../src/features/image-generation/image-generation.dto.js';
import { picturePrompt } from '../../../src/features/photo-request/picture-prompt.js';
import { refusalOf } from '../../../src/features/photo-request/safety-rules.js';
import type { ChatMessage } from '../../../src/features/photo-request/photo-request.event.js';

const said = (...texts: string[]): ChatMessage[] => texts.map((text) => ({ role: 'user', text }));
const mia = { name: 'Mia' };

it('a prompt has the card, the message, and what was said last, the newest first', () => {
  const character = { ...mia, appearance: 'red hair', style: 'oil', negative: 'hat' };
  expect(picturePrompt({ character, message: 'on a pier' }, said('1', '2', '3', '4', '5'))).toEqual(
    {
      prompt: 'oil, Mia, red hair, on a pier, 5, 4, 3, 2',
      negative_prompt: 'hat',
    },
  );
  expect(picturePrompt({ character: mia, message: 'x' }, [])).toEqual({
    prompt: 'Mia, x',
    negative_prompt: '',
  });
});

it('no prompt is longer than an engine may get, or cut in a word or a character', () => {
  const character = {
    name: 'n'.repeat(100),
    appearance: 'a '.repeat(400),
    style: 's '.repeat(150),
  };
  for (const message of ['word '.repeat(400), '🌅'.repeat(1_000), 'x'.repeat(2_000)]) {
    const { prompt } = picturePrompt({ character, message }, said('more '.repeat(400)));
    about(message.slice(0, 10), () => {
      expect(generationRequest.safeParse({ prompt }).success).toBe(true);
      expect(prompt).not.toMatch(/\bwor?$|\p{Surrogate}$/u);
    });
  }
  const { prompt } = picturePrompt({ character: mia, message: 'x' }, said('word '.repeat(400)));
  expect(prompt.length).toBeLessThan(620);
  expect(prompt).toMatch(/ word$/);
});

it('what an engine reads as a command is taken out of every part', () => {
  const commands = ['<lora:x:1>', '__a__', '{a|b}', '${x=1}', '<<a>>', '____a____', '{2$$a|{b}}'];
  for (const command of commands) {
    const character = { name: command, appearance: command, style: command, negative: command };
    const built = picturePrompt({ character, message: command }, said(command, `${command}_`));
    about(command, () => {
      expect(findCommand(built.prompt)).toBe(undefined);
      expect(findCommand(built.negative_prompt)).toBe(undefined);
      expect(generationRequest.safeParse(built).success).toBe(true);
    });
  }
});

it('nobody under 18 is drawn together with anything sexual', () => {
  const refused = [
    'a naked child',
    'NUDE, teenagers',
    'Sexy schoolgirl',
    'nude, 15 years old',
    'nude 15-year-old',
    'nude 16yo',
    'nude 16 y/o',
    'naked, aged 9',
    'naked, age: 17',
    'ｎａｋｅｄ child',
    'na\u200bked child',
  ];
  const allowed = [
    'a child with a kite',
    'she is 12 years old',
    'a nude, 35 years old',
    'naked, aged 18',
    'nude in a city founded 115 years ago',
    'a sextant and a kidney bean',
  ];
  for (const prompt of refused) about(prompt, () => expect(refusalOf(prompt, [])).toBe('minor'));
  for (const prompt of allowed) about(prompt, () => expect(refusalOf(prompt, [])).toBeUndefined());
});

it('blocked words are whole words and phrases, in either case', () => {
  const words = ['gore', 'John Doe', 'c++'];
  for (const text of ['Gore!', 'gores', 'a john  doe.', 'JOHN\nDOES', 'C++ code']) {
    about(text, () => expect(refusalOf(text, words)).toBe('blocked_word'));
  }
  for (const text of ['gored', 'Gregor', 'forgore', 'john', 'c code']) {
    about(text, () => expect(findWord(text, words)).toBeUndefined());
  }
});
