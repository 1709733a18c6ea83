import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import type { Command } from 'commander';
import { createProgram } from '../../../src/cli/program.js';
import { darkroom } from '../../support/cli.js';
import { warmDarkroom } from '../../support/warm-cli.js';

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
    expect(code).toBe(0);
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
    expect(code).toBe(0);
    for (const { line } of leaves) expect(stdout).toMatch(new RegExp(`^  ${line[0]} `, 'm'));
    for (const exitCode of [0, 1, 2, 3, 124, 130]) {
      expect(stdout).toMatch(new RegExp(`^  ${exitCode} +\\S`, 'm'));
    }
    expect(stdout.split('\n').every((line) => line.length <= 100)).toBe(true);
  });

  it('shows the usage when there is no command', async () => {
    const { code, stdout, stderr } = await darkroom([]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/Usage: darkroom/);
  });

  it('suggests the right command when one is misspelt', async () => {
    const { code, stderr } = await darkroom(['purgee']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/unknown command 'purgee'\n\(Did you mean purge\?\)/);
  });
});

describe('every command', () => {
  it('exists', () => {
    about(`${leaves.length} commands`, () => expect(leaves.length).toBeGreaterThanOrEqual(20));
  });

  for (const { line, required } of leaves) {
    const name = line.join(' ');

    it(`${name} --help shows examples, and loads no framework`, async () => {
      const { code, stdout, stderr } = await warmDarkroom([...line, '--help']);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/\nExamples:\n {2}\$ darkroom \S/);
      expect(stdout).toContain(`$ darkroom ${name}`);
      expect(stdout).toMatch(/--json/);
      const tooLong = stdout.split('\n').filter((text) => text.length > 100);
      expect(tooLong).toEqual([]);
    });

    it(`${name} treats an unknown option as wrong usage`, async () => {
      const { code, stdout, stderr } = await warmDarkroom([...line, '--no-such-option']);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^darkroom: unknown option '--no-such-option'/);
    });

    if (required > 0) {
      it(`${name} treats a missing argument as wrong usage`, async () => {
        const { code, stderr } = await warmDarkroom(line);
        expect(code).toBe(2);
        expect(stderr).toMatch(/^darkroom: missing required argument/);
      });
    }
  }
});

describe('the help', () => {
  for (const args of [['--help'], ...leaves.map(({ line }) => [...line, '--help'])]) {
    it(`loads neither Nest nor TypeORM nor BullMQ: ${args.join(' ')}`, async () => {
      const loaded = await loadedBy(args);
      expect(loaded.some((url) => url.endsWith('/commander/index.js'))).toBe(true);
      const heavy = /node_modules\/(@nestjs|typeorm|bullmq|pg|ioredis|zod|sharp|fastify)\//;
      expect(loaded.filter((url) => heavy.test(url))).toEqual([]);
    });
  }
});
