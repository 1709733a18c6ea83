import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findExtraNetworks } from '../../../src/features/image-generation/engines/extra-networks.js';

describe('extra networks', () => {
  const found: [prompt: string, networks: string[]][] = [
    ['a lake, <lora:ink:0.8>, dusk', ['<lora:ink:0.8>']],
    ['<lora:a><lyco:b:1:1><hypernet:c:1>', ['<lora:a>', '<lyco:b:1:1>', '<hypernet:c:1>']],
    ['<LoRA:a:1>', ['<LoRA:a:1>']],
    ['<lora2:a:1> <my_net:b> <сеть:c>', ['<lora2:a:1>', '<my_net:b>', '<сеть:c>']],
    ['[<lora:a:1>:5] ((<lora:b:1>))', ['<lora:a:1>', '<lora:b:1>']],
    ['<<lora:a:1>>', ['<lora:a:1>']],
    ['<lora:a:1:<b>', ['<lora:a:1:<b>']],
    ['<lora:a\n:1>', ['<lora:a\n:1>']],
    [`<lora:a:1:${'x'.repeat(1000)}>`, [`<lora:a:1:${'x'.repeat(1000)}>`]],
  ];
  for (const [prompt, networks] of found) {
    it(`finds ${JSON.stringify(prompt.slice(0, 40))}`, () => {
      assert.deepEqual(findExtraNetworks(prompt), networks);
    });
  }

  for (const prompt of ['a < b: c > d', '<lora>', '<:a>', 'lora:a:1', '<lora:a', '<lora:>', '']) {
    it(`leaves ${JSON.stringify(prompt)} alone`, () => {
      assert.deepEqual(findExtraNetworks(prompt), []);
    });
  }
});
