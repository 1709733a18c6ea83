import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const run = promisify(execFile);

describe('nest g', () => {
  let dir: string;
  const tool = (name: string, ...args: string[]) =>
    run(process.execPath, [join(dir, 'node_modules/.bin', name), ...args], { cwd: dir });
  const text = (file: string) => readFile(join(dir, 'src/features', file), 'utf8');

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'darkroom-nest-'));
    await mkdir(join(dir, 'src'));
    for (const file of ['nest-cli.json', 'package.json', 'tsconfig.json', '.prettierrc.json']) {
      await cp(file, join(dir, file));
    }
    await symlink(resolve('node_modules'), join(dir, 'node_modules'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('writes code that compiles and is formatted like the rest', async () => {
    await tool('nest', 'g', 'module', 'features/gallery');
    await tool('nest', 'g', 'controller', 'features/gallery');
    await tool('nest', 'g', 'service', 'features/gallery');
    await tool('nest', 'g', 'resource', 'features/albums', '--type', 'rest', '--crud');
    const module = await text('gallery/gallery.module.ts');
    expect(module).toMatch("from './gallery.controller.js'");
    expect(module).toMatch('providers: [GalleryService],');
    expect(await text('albums/albums.service.ts')).toMatch('_createAlbumDto: CreateAlbumDto');
    await tool('tsc', '-p', 'tsconfig.json');
    await tool('prettier', '--check', 'src');
  });
});
