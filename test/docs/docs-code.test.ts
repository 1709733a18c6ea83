import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { about } from '../support/about.js';

const block = /^```ts(.*)\n([\s\S]*?)^```$/gm;
const pages = ['README.md', ...(await readdir('docs')).map((file) => `docs/${file}`)];

/** How deep code stands depends on where it stands. */
function unindented(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .join('\n');
}

/** So that what a page shows is compiled, and run by the test it comes from. */
describe('code in the docs', () => {
  for (const page of pages.filter((file) => file.endsWith('.md'))) {
    it(`${page} shows code that is in a file`, async () => {
      for (const [, info, code] of (await readFile(page, 'utf8')).matchAll(block)) {
        const first = code!.trim().split('\n')[0];
        const file = /^ title=(\S+)$/.exec(info!)?.[1];
        assert.ok(file, `name the file of the block "${first}": \`\`\`ts title=path/of/a/file.ts`);
        const whole = unindented(await readFile(file, 'utf8'));
        about(`${file} has other code than "${first}"`, () =>
          expect(whole).toContain(unindented(code!)),
        );
      }
    });
  }
});
