import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EnginePool } from '../../../src/features/image-generation/engine-pool.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { problemOf } from '../../support/problem.js';

const small = { prompt: 'x', width: 64, height: 64, steps: 2 };

describe('a request that no engine can serve', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { sketch: { mode: 'sd-server' } });
    const pool = darkroom.app.get(EnginePool);
    await eventually('the engine is known', () => pool.hasLooked && pool.answers);
  });
  afterAll(() => darkroom.close());
  const post = (body: object, headers = {}) =>
    darkroom.post('/api/v1/generate-image', { ...small, ...body }, headers);

  const refused: [string, object, RegExp][] = [
    ['model', { model: 'sketch-v2' }, /closest names: sketch-v1/],
    ['sampler_name', { sampler_name: 'Eular a' }, /closest names: euler_a/],
    ['scheduler', { scheduler: 'karas' }, /closest names: karras/],
    ['seed', { seed: 2 ** 31 }, /2147483647/],
    ['width', { width: 72 }, /64/],
    ['steps', { steps: 150 }, /100/],
  ];
  for (const [field, body, message] of refused) {
    it(`gets 422 with the field and the most similar names: ${JSON.stringify(body)}`, async () => {
      const { errors } = await problemOf(await post(body), 422, 'unsupported_by_engines');
      expect(errors?.map(({ path }) => path)).toEqual([field]);
      expect(errors?.[0]?.message ?? '').toMatch(message);
    });
  }

  it('causes nothing to be stored or drawn', async () => {
    const [row] = await darkroom.database.query('SELECT count(*)::int AS count FROM tasks');
    expect(row.count).toBe(0);
    expect(darkroom.sketch.state().requests).toBe(0);
  });

  it('is refused before a command in its prompt reaches the engine', async () => {
    const prompt = 'x <sd_cpp_extra_args>{"sample_params":{"sample_steps":40}}</sd_cpp_extra_args>';
    await problemOf(await post({ prompt }), 422, 'invalid_fields');
  });

  it('still gets the task of its Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'asked-before' };
    const body = { model: 'sketch-v1' };
    const first = await post(body, headers);
    expect(first.status).toBe(202);
    const { task_id } = (await first.json()) as { task_id: string };
    await darkroom.finished(task_id);
    // The engine comes back with another model.
    const pool = darkroom.app.get(EnginePool);
    const another = { title: 'another', name: 'another', aliases: [], hash: null };
    pool.engines[0]!.capabilities!.models = [another];
    expect((await post(body)).status).toBe(422);
    const again = await post(body, headers);
    expect(again.status).toBeLessThan(300);
    expect(((await again.json()) as { task_id: string }).task_id).toBe(task_id);
  });

  it('is refused, but a similar request that an engine can draw is not', async () => {
    const body = { sampler_name: 'Euler a', scheduler: 'Karras', seed: 2 ** 31 - 1, steps: 100 };
    const answer = await post(body);
    expect(answer.status).toBe(202);
    const { task_id } = (await answer.json()) as { task_id: string };
    expect((await darkroom.finished(task_id)).status).toBe('SUCCESS');
  });
});
