import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { about } from '../../support/about.js';

const lines = Array.from({ length: 49 }, (_, i) => i + 1);

/** By line of the checklist, the files that have a test with `(security <line>)` at the end of its title. */
const named = new Map<number, Set<string>>();
for (const name of readdirSync('test', { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.test.ts')) continue;
  const titles = readFileSync(join('test', name), 'utf8').matchAll(/\(security ([\d, ]+)\)['`]/g);
  for (const line of [...titles].flatMap(([, numbers]) => numbers!.split(',').map(Number))) {
    named.set(line, (named.get(line) ?? new Set()).add(name.replace(/\.test\.ts$/, '')));
  }
}

/** The table of docs/security.md: by line, what it says about its tests. */
const page = readFileSync('docs/security.md', 'utf8');
const rows = [...page.matchAll(/^\| (\d+) +\| .+ \| (.+?) +\|$/gm)].map(
  ([, line, tests]): [number, string] => [Number(line), tests!],
);

it('docs/security.md has a row for each line of the checklist', () => {
  expect(rows.map(([line]) => line)).toEqual(lines);
});

it('each line has a test that names it, or is open because there is nothing to test yet', () => {
  for (const [line, tests] of rows) {
    const files = [...(named.get(line) ?? [])].toSorted();
    if (tests === 'open: does not exist yet')
      about(`line ${line}`, () => expect(files).toEqual([]));
    else {
      const listed = [...tests.matchAll(/`([^`]+)`/g)].map(([, file]) => file!);
      about(`line ${line}`, () => expect(files.length).toBeGreaterThan(0));
      about(`line ${line}`, () => expect(listed).toEqual(files));
    }
  }
});

it('no test names a line that does not exist', () => {
  expect([...named.keys()].filter((line) => !lines.includes(line))).toEqual([]);
});
