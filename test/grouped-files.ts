import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const groups = join(root, 'groups');

/** Larger groups load less, and smaller ones are shared out better among Jest's workers. */
const filesAtMost = 10;
const bytesAtMost = 40_000;

/**
 * Files that stay alone: a hook at the top of a file would apply to its whole group, and what one file defines is known
 * in the whole process.
 */
const staysAlone =
  /^(before|after)(Each|All)\(|\bdefine(Task|Schedule|Pipeline)\(|support\/(canvas|pool|recovery|story|upload)-/m;

/**
 * Writes one test file for several of a folder, which it imports. Jest loads everything afresh for each test file,
 * and loading Darkroom takes longer than most tests. `jest.config.js` has the tests of these kinds from here when
 * the whole suite runs; words on the command line choose single files.
 *
 * @param kinds folders of tests
 */
export function groupFiles(kinds: readonly string[]): void {
  rmSync(groups, { recursive: true, force: true });
  for (const kind of kinds) {
    for (const [topic, files] of byTopic(kind)) {
      for (const [index, group] of cut(files).entries()) {
        const folder = join(groups, kind);
        mkdirSync(folder, { recursive: true });
        const name = group.length === 1 ? basename(group[0]!, '.test.js') : `${index + 1}`;
        const imports = group.map((file) => `import ${JSON.stringify(relative(folder, file))};\n`);
        writeFileSync(join(folder, `${topic}-${name}.test.js`), imports.join(''));
      }
    }
  }
}

function byTopic(kind: string): Map<string, string[]> {
  const topics = new Map<string, string[]>();
  const found = readdirSync(join(root, kind), { recursive: true, encoding: 'utf8' });
  for (const path of found.filter((name) => name.endsWith('.test.js')).toSorted()) {
    const topic = dirname(path).split('/')[0]!.replace('.', kind);
    topics.set(topic, [...(topics.get(topic) ?? []), join(root, kind, path)]);
  }
  return topics;
}

function cut(files: string[]): string[][] {
  const cuts: string[][] = [];
  let open: string[] = [];
  let bytes = 0;
  for (const file of files) {
    if (staysAlone.test(readFileSync(file, 'utf8'))) {
      cuts.push([file]);
      continue;
    }
    const { size } = statSync(file);
    if (open.length === filesAtMost || (open.length > 0 && bytes + size > bytesAtMost)) {
      cuts.push(open);
      [open, bytes] = [[], 0];
    }
    open.push(file);
    bytes += size;
  }
  return open.length > 0 ? [...cuts, open] : cuts;
}
