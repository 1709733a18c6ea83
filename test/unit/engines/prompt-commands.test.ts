import { describe, expect, it } from '@jest/globals';
import { findCommand } from '../../../src/features/image-generation/engines/prompt-commands.js';
import { generationFields } from '../../../src/features/image-generation/generation-fields.js';
import { about } from '../../support/about.js';

const hostile: [prompt: string, form: string, at?: number][] = [
  ['a lake, <lora:ink:0.8>, dusk', '<…>', 9],
  ['<lyco:b:1:1>', '<…>', 1],
  ['<hypernet:c:1>', '<…>', 1],
  ['👩‍🎨 <my_net:b>', '<…>', 5],
  ['<сеть:c>', '<…>', 1],
  ['[<lora:a:1>:5] ((<lora:b:1>))', '<…>', 2],
  ['<<lora:a:1>>', '<…>', 2],
  ['\\<lora:a:1>', '<…>', 2],
  ['<lora:a\n:1>', '<…>', 1],
  ['<3:a>', '<…>', 1],
  ['<@lora:a>', '<…>', 1],
  ['<random:red,blue>', '<…>', 1],
  ['<%= 7 * 7 %>', '<…>', 1],
  ['<?php x ?>', '<…>', 1],
  ['x <sd_cpp_extra_args>{"steps":40}</sd_cpp_extra_args>', '<…>', 3],
  ['</sd_cpp_extra_args>', '<…>', 1],
  ['a __animals/*__ here', '__…__', 3],
  ['__~colour__', '__…__', 1],
  ['a __{dog|cat}__', '__…__', 3],
  ['a {red|blue} car', '{…|…}', 3],
  ['{2$$a|b}', '{…$…}', 1],
  ['{0.5::red|blue}', '{…|…}', 1],
  ['{ {a} | b }', '{…|…}', 1],
  ['{a=b}', '{…=…}', 1],
  ['${x=a}', '$…', 1],
  ['x${y}', '${…}', 2],
  ['$name', '$…', 1],
  ['($name:1.2)', '$…', 2],
  ['$(touch x)', '$…', 1],
  ['a #{x}', '#{…}', 3],
  ['@{x}', '@{…}', 1],
  ['%name%', '%…', 1],
  ['a %(name)s', '%…', 3],
  ['{% for x in y %}a{% endfor %}', '{%…}', 1],
  ['{%- set a -%}', '{%…}', 1],
  ['{# note #}', '{#…}', 1],
  ['{{ f(x) }}', '{{…}}', 1],
  ['{{ choice("red", "blue") }}', '{{…}}', 1],
  ['{{7*7}}', '{{…}}', 1],
  ['{{ a.b }}', '{{…}}', 1],
  ['{{ x|upper }}', '{…|…}', 1],
  ['{{"".__class__}}', '{{…}}', 1],
  ['{{#each a}}b{{/each}}', '{{…}}', 1],
  ['{!red}', '{!…}', 1],
  ['[choose]red[/choose]', '[/…]', 12],
  ['[file name="x"]', '[…=…]', 1],
  ['[#]', '[#…]', 1],
  ['＜lora：a：1＞', '<…>'],
  ['﹤lora:a﹥', '<…>'],
  ['a ｛red｜blue｝ car', '{…|…}'],
  ['＿＿animals＿＿', '__…__'],
  ['＄｛x｝', '$…'],
  ['<\u200b>', '<…>', 1],
  ['_\u200b_animals_\u200b_', '__…__'],
];

const ordinary = [
  '',
  'a lighthouse at dusk, oil painting, 4k, highly detailed',
  'masterpiece, best quality, 1girl, solo, long_hair, looking_at_viewer',
  '(masterpiece:1.2), (best quality:1.4), ((sharp focus))',
  'a [red|blue|green] car',
  '[mountain:lake:0.25] and [an oak:a christmas tree:0.75][ in foreground::0.6][ in background:0.25]',
  '[:a hat:10] [a hat::10] [[faded]] [dog], [(cat:1.2)|dog]',
  'hatsune miku \\(vocaloid\\), saber_\\(fate\\), \\[signed\\]',
  'a cat BREAK a dog AND a bird :0.5',
  '{{masterpiece}}, {{{best quality}}}, {detailed}, {{(long_hair:1.1), 2 girls!}}',
  'a sign that says {hello, world!} and {50% off}',
  'the set {1, 2, 3}; a function f(x); the tuple (a, b)',
  '{"subject": "a cat", "style": ["photo", "35mm"], "light": {"from": "left"}}',
  'a } b { c',
  'or | dog',
  'a < b: c > d, x <= y >= z, 3 < 5',
  'I <3 you, <3 <3 -> always <- yes',
  '<lora:a',
  'lora:a:1',
  '(>_<) and (>_<), ^_^, ¯\\_(ツ)_/¯, :-{ :} ;]',
  'snake_case and ______ and _x_',
  'a $5 bill, US$ 20, $$$, A$AP Rocky, Ke$ha',
  '100% cotton, 50 %, 30 %off, a 100%wool scarf',
  'a portrait by @somebody, #nofilter, C#, F# minor, no. 5, R&B',
  'cat & dog + bird = friends; 2 * 2 = 4, 5 ~ 6, a ^ b',
  'rock\'n\'roll, "quoted", “curly”, ‘single’, «guillemets», ‹single›, „unten“',
  'photo, f/1.8, 1/200 s, ISO 100, 85mm -- no flash',
  'a cat --ar 16:9 --v 5',
  'at 10:30 pm: score_9, score_8_up, rating:safe, style:anime',
  'https://example.com/a?b=c&d=e%20f',
  'mail me at someone@example.com',
  'line one\nline two\r\n\tline three',
  '👩‍🚀🇩🇪👍🏽 ❤️ 1️⃣ ☀️ ™ © °C',
  '日本の女の子、（猫：1.2）、「こんにちは」【看板】［大判］〈夜〉《星》１００％コットン１００％',
  '(｀・ω・´) ＼(^o^)／ (＞＜) ＞_＜',
  '中文提示词，一只猫；两只狗。￥５',
  'девушка в красном, «Маяк» — 50 % скидка',
  'قطة جميلة، ضوء القمر',
  'un café à l’été… ½ ²³ №5',
  'a maths blackboard: ∑ x² ≤ ∞, √2 ≈ 1.41, a → b ↔ c',
  'back\\slash, a `tick`, pipes || and dots...',
  'a [sign: "no entry"] and an [unfinished bracket',
  '[-1], [...], [1] [2], ["a", "b"]',
];

describe('commands in a prompt (security 14)', () => {
  for (const [prompt, form, at] of hostile) {
    it(`are found in ${JSON.stringify(prompt)}`, () => {
      expect(findCommand(prompt)).toEqual({ form, at });
    });
  }

  it('are not found in ordinary prompts', () => {
    for (const prompt of ordinary) {
      about(prompt, () => expect(findCommand(prompt)).toBeUndefined());
    }
  });

  it('are named in the message, without what the prompt says', () => {
    const messageOf = (prompt: string) =>
      generationFields.prompt.safeParse(prompt).error?.issues.map(({ message }) => message);
    const then = 'which an engine may read as a command; that is not allowed here';
    expect(messageOf('a <lora:secret:1>')).toEqual([`contains <…> at character 3, ${then}`]);
    expect(messageOf('＜lora:secret:1＞')).toEqual([
      `contains <…> written with look-alikes, ${then}`,
    ]);
  });
});
