import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SpoolGate } from '../../../src/features/image-generation/spool-gate.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { envOf } from '../../support/cli.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { warmDarkroom } from '../../support/warm-cli.js';

const body = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };

describe('the storage on the command line', () => {
  let darkroom: TestDarkroom;
  let folder: string;
  const run = (...args: string[]) => warmDarkroom(args, envOf(darkroom.stores));
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'darkroom-files-'));
    darkroom = await startDarkroom('postgres', { workers: false, settings: { spoolMaxBytes: 10 } });
    await darkroom.app.get(AuthService).createUser('alice', 'user');
  });
  afterAll(async () => {
    await darkroom?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('upload stores a file of this machine; status says that it waits', async () => {
    const file = join(folder, '.Très "bad" NAME;.csv');
    await writeFile(file, 'day,pictures');
    const done = await run('upload', file, '--owner', 'alice', '--type', 'text/csv', '--json');
    const { file_id, url, object_key } = done.json<Record<string, string>>();
    expect(url).toBe(`/api/v1/files/${file_id!}`);
    expect(object_key).toBe(`files/${file_id!}/tr-s-bad-name-.csv`);
    expect(await (await darkroom.request(url!)).text()).toBe('day,pictures');
    const status = (await run('storage', 'status', '--json')).json();
    expect(status).toMatchObject({ spool: { files: 1, bytes: 12 }, put_off: 0, away_since: null });
    const { stdout } = await run('storage', 'status');
    expect(stdout).toMatch(/^Storage +disk, .+\nIn the spool +1 files, 12 bytes of 10737418240\n/);
  });

  it('upload says what is wrong', async () => {
    const large = join(folder, 'large');
    await writeFile(large, '');
    await truncate(large, 64 * 2 ** 20 + 1);
    const cases: [args: string[], says: RegExp][] = [
      [[join(folder, 'none'), '--owner', 'alice'], /cannot be read: ENOENT/],
      [[large, '--owner', 'alice'], /larger than 64 MB/],
      [[folder, '--owner', 'alice'], /cannot be read/],
      [[join(folder, 'x')], /--owner/],
      [[join(folder, 'large'), '--owner', 'nobody'], /larger|nobody/],
    ];
    for (const [args, says] of cases) {
      const { code, stderr } = await run('upload', ...args);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(says);
    }
    const small = join(folder, 'small');
    await writeFile(small, 'x');
    const wrong = await run('upload', small, '--owner', 'alice', '--type', 'a page');
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      'darkroom: Write a content type as type/subtype: text/csv.\n',
    ]);
  });

  it('a full spool lets no picture begin; they begin when it has room', async () => {
    const gate = darkroom.app.get(SpoolGate);
    await gate.look();
    darkroom.startWorkers();
    await eventually('the file is stored', async () => {
      const [{ n }] = await darkroom.database.query(
        'SELECT count(*)::int AS n FROM stored_files WHERE stored_at IS NOT NULL',
      );
      return n === 1;
    });
    // Full again, of what nobody is going to store just now.
    await darkroom.database.query(
      `INSERT INTO image_spool (file_id, data) SELECT id, decode(repeat('00', 20), 'hex') FROM stored_files`,
    );
    await gate.look();
    const id = await darkroom.generate(body);
    await eventually('a worker holds it', async () => {
      const [{ n }] = await darkroom.database.query(
        `SELECT count(*)::int AS n FROM tasks WHERE id = $1 AND queue_check_at IS NOT NULL`,
        [id],
      );
      return n === 1;
    });
    expect((await darkroom.status(id)).attempt).toBe(0);
    await darkroom.database.query('DELETE FROM image_spool');
    await gate.look();
    expect((await darkroom.finished(id)).status).toBe('SUCCESS');
  });
});
