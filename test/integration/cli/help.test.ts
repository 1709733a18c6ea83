import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from '../../../src/cli/program.js';
import { darkroom } from '../../support/cli.js';

interface Leaf {
  line: string[];
  /** Arguments that it cannot do without. */
  required: number;
}

function leavesOf(command: Command, above: string[] = []): Leaf[] {
  return command.commands.flatMap((child) => {
    const line = [...above, child.name()];
    const acts = child.options.some((option) => option.long === '--json');
    const required = child.registeredArguments.filter((argument) => argument.required).length;
    return [...(acts ? [{ line, required }] : []), ...leavesOf(child, line)];
  });
}

const leaves = leavesOf(createProgram());

/** What V8 says that a process has loaded. */
async function loadedBy(args: string[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-loaded-'));
  try {
    const { code } = await darkroom(args, { NODE_V8_COVERAGE: folder });
    assert.equal(code, 0);
    const files = await readdir(folder);
    const reports = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
    return reports.flatMap((report) =>
      (JSON.parse(report) as { result: { url: string }[] }).result.map(({ url }) => url),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('darkroom --help', () => {
  it('names every command and every exit code', async () => {
    const { code, stdout } = await darkroom(['--help']);
    assert.equal(code, 0);
    for (const { line } of leaves) assert.match(stdout, new RegExp(`^  ${line[0]} `, 'm'));
    for (const exitCode of [0, 1, 2, 3, 124, 130]) {
      assert.match(stdout, new RegExp(`^  ${exitCode} +\\S`, 'm'));
    }
    assert.ok(stdout.split('\n').every((line) => line.length <= 100));
  });

  it('without a command says how to use it', async () => {
    const { code, stdout, stderr } = await darkroom([]);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /Usage: darkroom/);
  });

  it('a misspelt command gets a hint', async () => {
    const { code, stderr } = await darkroom(['purgee']);
    assert.equal(code, 2);
    assert.match(stderr, /unknown command 'purgee'\n\(Did you mean purge\?\)/);
  });
});

describe('every command', { concurrency: 2 }, () => {
  it('is there', () => {
    assert.ok(leaves.length >= 20, `${leaves.length} commands`);
  });

  for (const { line, required } of leaves) {
    const name = line.join(' ');

    it(`${name} --help has examples, and loads no framework`, async () => {
      const { code, stdout, stderr } = await darkroom([...line, '--help']);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, /\nExamples:\n {2}\$ darkroom \S/);
      assert.ok(stdout.includes(`$ darkroom ${name}`), 'an example of its own');
      assert.match(stdout, /--json/);
      const tooLong = stdout.split('\n').filter((text) => text.length > 100);
      assert.deepEqual(tooLong, []);
    });

    it(`${name} with a wrong option is wrong usage`, async () => {
      const { code, stdout, stderr } = await darkroom([...line, '--no-such-option']);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /^darkroom: unknown option '--no-such-option'/);
    });

    if (required > 0) {
      it(`${name} without its argument is wrong usage`, async () => {
        const { code, stderr } = await darkroom(line);
        assert.equal(code, 2);
        assert.match(stderr, /^darkroom: missing required argument/);
      });
    }
  }
});

describe('what help loads', () => {
  for (const args of [['--help'], ...leaves.map(({ line }) => [...line, '--help'])]) {
    it(`${args.join(' ')}: neither Nest nor TypeORM nor BullMQ`, async () => {
      const loaded = await loadedBy(args);
      assert.ok(
        loaded.some((url) => url.endsWith('/commander/index.js')),
        'it was looked at',
      );
      const heavy = /node_modules\/(@nestjs|typeorm|bullmq|pg|ioredis|zod|sharp|fastify)\//;
      assert.deepEqual(
        loaded.filter((url) => heavy.test(url)),
        [],
      );
    });
  }
});
