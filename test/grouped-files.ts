import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const groups = join(root, 'groups');

/** Larger groups load less, and smaller ones are shared out better among Jest's workers. */
const filesAtMost = 10;
const bytesAtMost = 40_000;

/**
 * Files that stay alone: a hook at the top of a file would apply to its whole group, and what they define or check is
 * known in the whole process.
 */
const staysAlone =
  /^(before|after)(Each|All)\(|\bdefine(Schedule|Pipeline)\(|complete: true|support\/(canvas|pool|recovery|story|upload)-/m;

interface TestFile {
  path: string;
  text: string;
  /** Names of the tasks that it defines. A process has one task of each name. */
  tasks: string[];
}

interface Group {
  files: TestFile[];
}

/**
 * Writes one test file for several of a folder, which it imports. Jest loads everything afresh for each test file,
 * and loading Darkroom takes longer than most tests. `jest.config.mjs` takes the tests of these kinds from here when
 * the whole suite runs; words on the command line choose single files.
 *
 * @param kinds folders of tests
 */
export function groupFiles(kinds: readonly string[]): void {
  rmSync(groups, { recursive: true, force: true });
  for (const kind of kinds) {
    const folder = join(groups, kind);
    mkdirSync(folder, { recursive: true });
    for (const [topic, files] of byTopic(kind)) {
      for (const [index, group] of grouped(files).entries()) {
        const [first, ...others] = group.files.map(({ path }) => path);
        const name = others.length === 0 ? basename(first!, '.test.js') : `${index + 1}`;
        const imports = [first!, ...others].map(
          (path) => `import ${JSON.stringify(relative(folder, path))};\n`,
        );
        writeFileSync(join(folder, `${topic}-${name}.test.js`), imports.join(''));
      }
    }
  }
}

/** Files of one folder. Those that define tasks are kept from those that start all of Darkroom. */
function byTopic(kind: string): Map<string, TestFile[]> {
  const topics = new Map<string, TestFile[]>();
  const found = readdirSync(join(root, kind), { recursive: true, encoding: 'utf8' });
  for (const name of found.filter((path) => path.endsWith('.test.js')).toSorted()) {
    const path = join(root, kind, name);
    const text = readFileSync(path, 'utf8');
    const tasks = [...text.matchAll(/\bdefineTask\(\{\s*name: '([^']+)'/g)].map(
      ([, task]) => task!,
    );
    const folder = dirname(name).split('/')[0]!.replace('.', kind);
    const topic = text.includes('defineTask(') ? `${folder}-defining` : folder;
    topics.set(topic, [...(topics.get(topic) ?? []), { path, text, tasks }]);
  }
  return topics;
}

function grouped(files: TestFile[]): Group[] {
  const alone = files.filter(({ text }) => staysAlone.test(text));
  const open: Group[] = [];
  for (const file of files) {
    if (alone.includes(file)) continue;
    const group = open.find((others) => hasRoom(others, file));
    if (group) group.files.push(file);
    else open.push({ files: [file] });
  }
  return [...alone.map((file) => ({ files: [file] })), ...open];
}

function hasRoom({ files }: Group, { text, tasks }: TestFile): boolean {
  const bytes = files.reduce((sum, other) => sum + other.text.length, text.length);
  const names = new Set(files.flatMap((other) => other.tasks));
  return (
    files.length < filesAtMost && bytes <= bytesAtMost && tasks.every((name) => !names.has(name))
  );
}
