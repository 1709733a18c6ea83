import { describe, expect, it } from '@jest/globals';
import { findCommands } from '../../../src/features/image-generation/engines/prompt-commands.js';

describe('commands in a prompt (security 14)', () => {
  const found: [prompt: string, commands: string[]][] = [
    ['a lake, <lora:ink:0.8>, dusk', ['<lora:ink:0.8>']],
    ['<lora:a><lyco:b:1:1><hypernet:c:1>', ['<lora:a>', '<lyco:b:1:1>', '<hypernet:c:1>']],
    ['<lora2:a:1> <my_net:b> <сеть:c>', ['<lora2:a:1>', '<my_net:b>', '<сеть:c>']],
    ['[<lora:a:1>:5] ((<lora:b:1>))', ['<lora:a:1>', '<lora:b:1>']],
    ['<<lora:a:1>>', ['<<lora:a:1>']],
    ['\\<lora:a:1>', ['<lora:a:1>']],
    ['<lora:a\n:1>', ['<lora:a\n:1>']],
    ['<3:a>', ['<3:a>']],
    [
      'x <sd_cpp_extra_args>{"steps":40}</sd_cpp_extra_args>',
      ['<sd_cpp_extra_args>', '</sd_cpp_extra_args>'],
    ],
    ['a __animals/*__ here', ['__animals/*__']],
    ['a {red|blue} car', ['{red|blue}']],
    ['{2$$a|b}', ['{2$$a|b}']],
    ['${x=a}', ['{x=a}']],
    ['{ {a} | b }', ['{ {a}']],
  ];
  for (const [prompt, commands] of found) {
    it(`finds ${JSON.stringify(prompt.slice(0, 40))}`, () => {
      expect(findCommands(prompt)).toEqual(commands);
    });
  }

  const plain = [
    'a < b: c > d',
    'I <3 you -> always',
    '<3',
    'lora:a:1',
    '<lora:a',
    '(cat:1.2) [dog] [a|b] [cat:dog:0.5] ((x)) \\(y\\) BREAK a AND b :0.5',
    '{{masterpiece}}, {cat} or | dog',
    'snake_case and ______',
    '',
  ];
  for (const prompt of plain) {
    it(`leaves ${JSON.stringify(prompt)} alone`, () => {
      expect(findCommands(prompt)).toEqual([]);
    });
  }
});
