import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

/** Tells its pid, and on SIGTERM that it heard it. */
const program = `
process.on('SIGTERM', () => { process.stdout.write('stopped'); process.exit(0); });
setInterval(() => {}, 1000);
process.stdout.write(process.pid + '\\n');
`;
const programs = {
  start: 'standalone',
  'start:api': 'main',
  'start:worker': 'worker',
  darkroom: 'cli',
} as const;

describe('a program started through npm', () => {
  let dir: string;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'darkroom-npm-'));
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
      scripts: Record<string, string>;
    };
    await mkdir(join(dir, 'dist'));
    for (const name of Object.values(programs)) {
      await writeFile(join(dir, 'dist', `${name}.js`), program);
    }
    const used = Object.keys(programs).map((name) => [name, scripts[name]]);
    await writeFile(
      join(dir, 'package.json'),
      JSON.stringify({ scripts: Object.fromEntries(used) as unknown }),
    );
  });
  after(() => rm(dir, { recursive: true, force: true }));

  for (const script of Object.keys(programs)) {
    it(`is told of npm's SIGTERM: ${script}`, { timeout: 60_000 }, async (t) => {
      const npm = spawn('npm', ['run', '--silent', script], { cwd: dir });
      let output = '';
      npm.stdout.on('data', (part: Buffer) => (output += part.toString()));
      while (!/^\d+\n/m.test(output)) await once(npm.stdout, 'data');
      const pid = Number(output.split('\n')[0]);
      t.after(() => {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has ended, as it should.
        }
      });
      const exited = once(npm, 'exit');
      npm.kill('SIGTERM');
      await exited;
      // The program holds the pipe: its end is the program's end.
      if (!npm.stdout.readableEnded) await once(npm.stdout, 'end');
      assert.match(output, /stopped/);
    });
  }
});
