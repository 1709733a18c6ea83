import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { about } from '../support/about.js';

const page = await readFile('docs/architecture.md', 'utf8');

describe('docs/architecture.md', () => {
  it('names files and folders that exist', () => {
    const named = [...page.matchAll(/`(src\/[^`]+)`/g)].map(([, path]) => path!);
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
  });

  it('follows a prompt through functions that stand in the files it names', async () => {
    const stops = [...page.matchAll(/^\| \d+\. (.+?) +\| `(\S+)` +\| `(\w+)` +\|$/gm)];
    expect(stops).toHaveLength(21);
    for (const [, stop, file, name] of stops) {
      const code = await readFile(file!, 'utf8');
      const declared = new RegExp(
        String.raw`(^\s*(override |async )*${name}(<.*)?\(|(function|class|const) ${name}\b)`,
        'm',
      );
      about(`${stop}: ${file} declares no ${name}`, () => expect(code).toMatch(declared));
    }
  });

  it('has the folders of src/tasks in the order that the import check enforces', async () => {
    const picture = page.slice(page.indexOf('control     workers'));
    const drawn = picture
      .slice(0, picture.indexOf('```'))
      .split('\n')
      .flatMap((line) => line.trim().split(/\s{2,}/))
      .filter((text) => /^\w+$/.test(text));
    const rules = await readFile('.dependency-cruiser.cjs', 'utf8');
    const list = /const taskFloors = \[([^\]]+)\]/.exec(rules)![1]!;
    expect(drawn).toEqual([...list.matchAll(/'(\w+)'/g)].map(([, folder]) => folder));
  });
});
