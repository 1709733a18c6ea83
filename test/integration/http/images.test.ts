import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { TaskHints } from '../../../src/tasks/task-hints.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { badFieldsOf, problemOf } from '../../support/problem.js';

const unknown = '01890000-0000-7000-8000-000000000000';

describe('an image', () => {
  let darkroom: TestDarkroom;
  let owner: string;
  let stranger: string;
  let path: string;
  let taskId: string;
  before(async () => {
    darkroom = await startDarkroom('postgres');
    owner = await darkroom.newUserKey('owner');
    stranger = await darkroom.newUserKey('stranger');
    // Uploads wait, so the picture stays in the spool.
    await uploads().pause();
    const body = { prompt: 'a lighthouse', width: 512, height: 256, steps: 1 };
    const headers = { authorization: `Bearer ${owner}`, 'x-request-id': 'picture-1' };
    const posted = await darkroom.post('/api/v1/generate-image', body, headers);
    taskId = ((await posted.json()) as { task_id: string }).task_id;
    const { result } = await darkroom.finished(taskId);
    path = result!.images[0]!.url;
  });
  after(() => darkroom.close());

  const get = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
    darkroom.request(url, { key: owner, headers, method });

  const uploads = () => darkroom.app.get(TaskHints).of('normal_priority');

  async function stored(): Promise<boolean> {
    const [row] = await darkroom.database.query('SELECT stored_at FROM generated_images');
    return row.stored_at !== null;
  }

  function behavesWell(where: string): void {
    it(`${where}: its bytes, its type, a tag and nosniff`, async () => {
      const answer = await get(path);
      assert.equal(answer.status, 200);
      const { headers } = answer;
      assert.equal(headers.get('content-type'), 'image/png');
      assert.equal(headers.get('cache-control'), 'private, no-cache');
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.match(headers.get('content-security-policy')!, /default-src 'none'/);
      assert.match(headers.get('etag')!, /^"[0-9a-f]{64}"$/);
      const bytes = Buffer.from(await answer.arrayBuffer());
      assert.equal(headers.get('content-length'), String(bytes.length));
      assert.equal((await sharp(bytes).metadata()).width, 512);
    });

    it(`${where}: its thumbnail is a smaller WebP with a tag of its own`, async () => {
      const answer = await get(`${path}?size=thumbnail`);
      assert.equal(answer.headers.get('content-type'), 'image/webp');
      assert.notEqual(answer.headers.get('etag'), (await get(path)).headers.get('etag'));
      const { format, width, height } = await sharp(await answer.arrayBuffer()).metadata();
      assert.deepEqual([format, width, height], ['webp', 384, 192]);
    });

    it(`${where}: HEAD has the headers of GET and no body`, async () => {
      const [head, full] = [await get(path, {}, 'HEAD'), await get(path)];
      assert.equal(head.status, 200);
      for (const name of ['content-type', 'content-length', 'etag', 'cache-control']) {
        assert.equal(head.headers.get(name), full.headers.get(name), name);
      }
      assert.equal((await head.arrayBuffer()).byteLength, 0);
      await full.arrayBuffer();
    });

    it(`${where}: 304 for a tag that is known`, async () => {
      const { headers } = await get(path);
      const tag = headers.get('etag')!;
      for (const known of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
        const answer = await get(path, { 'if-none-match': known });
        assert.equal(answer.status, 304, known);
        assert.equal(answer.headers.get('etag'), tag);
        assert.equal((await answer.arrayBuffer()).byteLength, 0);
      }
      for (const other of ['"other"', tag.slice(1, -1), `${tag}x`, '']) {
        assert.equal((await get(path, { 'if-none-match': other })).status, 200, other);
      }
      const thumbnail = await get(`${path}?size=thumbnail`, { 'if-none-match': tag });
      assert.equal(thumbnail.status, 200);
    });

    it(`${where}: a range is not promised, so the whole comes`, async () => {
      const answer = await get(path, { range: 'bytes=0-9' });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('accept-ranges'), null);
      const { byteLength } = await answer.arrayBuffer();
      assert.equal(answer.headers.get('content-length'), String(byteLength));
    });

    it(`${where}: a stranger learns nothing, an admin sees it`, async () => {
      for (const url of [path, `${path}?size=thumbnail`]) {
        assert.equal((await darkroom.request(url)).status, 200);
        await looksUnknown(url, `/api/v1/images/${unknown}`);
      }
    });
  }

  /** The stranger cannot tell it from an id that names nothing. */
  async function looksUnknown(url: string, unknownUrl: string): Promise<void> {
    const seen = await Promise.all(
      [url, unknownUrl].map(async (each) => {
        const answer = await darkroom.request(each, { key: stranger });
        const { correlation_id, ...body } = await problemOf(answer, 404, 'not_found');
        return { body, headers: [...answer.headers.keys()] };
      }),
    );
    assert.deepEqual(seen[0], seen[1]);
  }

  it('is not stored yet', async () => assert.equal(await stored(), false));
  behavesWell('in the spool');

  it('is stored by its upload, which keeps the correlation id', async () => {
    await uploads().resume();
    await eventually('it is stored', stored);
    const [upload] = await darkroom.database.query(
      `SELECT correlation_id FROM tasks WHERE name = 'upload_to_cloud_task'`,
    );
    assert.equal(upload.correlation_id, 'picture-1');
  });
  behavesWell('in storage');

  it("and its task are both nobody else's", async () => {
    for (const route of ['generation-status', 'task_status']) {
      assert.equal((await get(`/api/v1/${route}/${taskId}`)).status, 200);
      assert.equal((await darkroom.request(`/api/v1/${route}/${taskId}`)).status, 200);
      await looksUnknown(`/api/v1/${route}/${taskId}`, `/api/v1/${route}/${unknown}`);
    }
  });

  for (const id of [unknown, 'x', '1', '%00', 'x'.repeat(200), `${unknown}0`, "'", '..%2f..%2f']) {
    it(`${id.slice(0, 40)} is unknown: 404`, async () => {
      await problemOf(await get(`/api/v1/images/${id}`), 404, 'not_found');
    });
  }

  it('its id may be in capitals', async () => {
    const id = path.split('/').at(-1)!;
    assert.equal((await get(`/api/v1/images/${id.toUpperCase()}`)).status, 200);
  });

  it('an unknown size or parameter is refused: 422', async () => {
    assert.deepEqual(await badFieldsOf(await get(`${path}?size=huge`)), ['size']);
    assert.deepEqual(await badFieldsOf(await get(`${path}?width=1`)), ['width']);
  });
});
