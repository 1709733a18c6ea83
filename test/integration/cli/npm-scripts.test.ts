import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { about } from '../../support/about.js';
import { promisify } from 'node:util';

const run = promisify(execFile);

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

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'darkroom-npm-'));
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
      scripts: Record<string, string>;
    };
    await mkdir(join(dir, 'dist'));
    await mkdir(join(dir, 'src/features/email/templates'), { recursive: true });
    for (const name of Object.values(programs)) {
      await writeFile(join(dir, 'dist', `${name}.js`), program);
    }
    await writeFile(join(dir, 'package.json'), JSON.stringify({ scripts }));
    await mkdir(join(dir, 'node_modules/.bin'), { recursive: true });
    await compilerIs('');
  });
  afterAll(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));

  const compilerIs = (code: string) =>
    writeFile(join(dir, 'node_modules/.bin/tsc'), `#!/usr/bin/env node\n${code}`, { mode: 0o755 });

  /** Sends SIGTERM to npm when the program below it has told its pid. @returns all that was written */
  async function terminated(script: string): Promise<string> {
    const npm = spawn('npm', ['run', '--silent', script], { cwd: dir });
    let output = '';
    npm.stdout.on('data', (part: Buffer) => (output += part.toString()));
    const exited = once(npm, 'exit');
    const tooEarly = exited.then(() => {
      throw new Error(`npm ended by itself: ${output}`);
    });
    tooEarly.catch(() => {});
    while (!/^\d+\n/m.test(output)) await Promise.race([once(npm.stdout, 'data'), tooEarly]);
    const pid = Number(/^\d+$/m.exec(output)![0]);
    atTestEnd(() => {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended, as it should.
      }
    });
    npm.kill('SIGTERM');
    await exited;
    // The program holds the pipe: its end is the program's end.
    if (!npm.stdout.readableEnded) await once(npm.stdout, 'end');
    return output;
  }

  for (const script of Object.keys(programs)) {
    it(`receives npm's SIGTERM: ${script}`, async () => {
      expect(await terminated(script)).toMatch(/stopped/);
    });
  }

  it('stops its build too when npm ends during npm start', async () => {
    // Like the compiler, it does not listen to signals.
    await compilerIs(`setInterval(() => {}, 1000); process.stdout.write(process.pid + '\\n');`);
    atTestEnd(() => compilerIs(''));
    const output = await terminated('start');
    expect(output).toMatch(/^Building …\n\d+\n$/);
  });
});

describe('a program that is not built', () => {
  for (const [script, name] of Object.entries(programs)) {
    if (script === 'start') continue;
    it(`prints what to do: ${script}`, async () => {
      const dir = await mkdtemp(join(tmpdir(), 'darkroom-npm-'));
      atTestEnd(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
      await copyFile('package.json', join(dir, 'package.json'));
      const ended = await run('npm', ['run', '--silent', script], { cwd: dir }).catch(
        (error: unknown) => error,
      );
      const { code, stderr } = ended as { code: number; stderr: string };
      about(name, () => expect(code).toBe(1));
      expect(stderr).toBe('darkroom: It is not built yet: run npm run build first.\n');
    });
  }
});

it('npx darkroom works in a checkout after a build', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'darkroom-npm-'));
  atTestEnd(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  for (const name of ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'src']) {
    await cp(name, join(dir, name), { recursive: true });
  }
  await symlink(join(process.cwd(), 'node_modules'), join(dir, 'node_modules'));
  // `npm run check` checks the types.
  await run('npm', ['run', '--silent', 'build', '--', '--noCheck'], { cwd: dir });
  const { stdout } = await run('npx', ['--no-install', 'darkroom', '--help'], { cwd: dir });
  expect(stdout).toMatch(/^Usage: darkroom /);
});
