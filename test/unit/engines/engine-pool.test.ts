import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EnginePool } from '../../../src/features/image-generation/engine-pool.js';
import {
  EngineError,
  type EngineErrorKind,
} from '../../../src/features/image-generation/engines/engine-error.js';
import type {
  EngineCall,
  EngineResult,
  ImageEngine,
} from '../../../src/features/image-generation/engines/image-engine.js';
import { createSketch } from '../../../src/sketch/sketch-server.js';
import { eventually } from '../../support/eventually.js';
import { client, errorOf, small, startSketch } from './support.js';

const call: EngineCall = {
  jobId: 'task(one-a1)',
  earlierJobIds: [],
  signal: new AbortController().signal,
};

/** An engine that does what it is told next, or waits to be told. */
class Puppet implements ImageEngine {
  readonly url = 'http://puppet';
  calls = 0;
  pings = 0;
  away = false;
  trouble: EngineErrorKind | undefined;
  private readonly held: (() => void)[] = [];

  constructor(
    readonly kind: string,
    private readonly holds = false,
  ) {}

  async ping(): Promise<void> {
    this.pings++;
    if (this.away) throw new EngineError('unavailable', 'away');
  }

  probe() {
    return Promise.reject(new Error('not asked'));
  }

  async txt2img(): Promise<EngineResult> {
    this.calls++;
    if (this.trouble) throw new EngineError(this.trouble, 'in trouble');
    if (this.holds) await new Promise<void>((resolve) => this.held.push(resolve));
    return { images: [], model: null, modelHash: null, seconds: 0 };
  }

  release(): void {
    this.held.splice(0).forEach((resolve) => resolve());
  }
}

describe('the pool', () => {
  it('asks the least busy server', async () => {
    const [a, b] = [new Puppet('a', true), new Puppet('b', true)];
    const pool = new EnginePool([a, b]);
    const calls = Array.from({ length: 4 }, () => pool.txt2img(small, call));
    assert.deepEqual([a.calls, b.calls], [2, 2]);
    b.release();
    await Promise.all([calls[1], calls[3]]);
    calls.push(pool.txt2img(small, call));
    assert.deepEqual([a.calls, b.calls], [2, 3]);
    a.release();
    b.release();
    assert.deepEqual(
      (await Promise.all(calls)).map(({ engine }) => engine),
      ['a', 'b', 'a', 'b', 'b'],
    );
  });

  for (const trouble of ['unavailable', 'misconfigured', 'timeout'] as const) {
    it(`passes over a server that is in trouble (${trouble})`, async () => {
      const [a, b] = [new Puppet('a'), new Puppet('b', true)];
      a.trouble = trouble;
      const pool = new EnginePool([a, b]);
      assert.equal((await errorOf(pool.txt2img(small, call))).kind, trouble);
      const calls = [pool.txt2img(small, call), pool.txt2img(small, call)];
      assert.deepEqual([a.calls, b.calls], [1, 2]);
      b.release();
      await Promise.all(calls);
    });
  }

  for (const own of ['invalid_request', 'aborted', 'bad_result'] as const) {
    it(`does not blame the server for ${own}`, async () => {
      const [a, b] = [new Puppet('a'), new Puppet('b')];
      a.trouble = own;
      const pool = new EnginePool([a, b]);
      await errorOf(pool.txt2img(small, call));
      await errorOf(pool.txt2img(small, call));
      assert.deepEqual([a.calls, b.calls], [2, 0]);
    });
  }

  it('asks the one that failed at a request last', async () => {
    const [a, b] = [new Puppet('a'), new Puppet('b', true)];
    a.trouble = 'failed';
    const pool = new EnginePool([a, b]);
    assert.equal((await errorOf(pool.txt2img(small, call))).kind, 'failed');
    const calls = [pool.txt2img(small, call), pool.txt2img(small, call)];
    assert.deepEqual([a.calls, b.calls], [1, 2]);
    b.release();
    await Promise.all(calls);
  });

  it('asks none for pictures while none is well, and tells when that changes', async () => {
    const [a, b] = [new Puppet('a'), new Puppet('b')];
    const pool = new EnginePool([a, b]);
    const told: boolean[] = [];
    pool.onChange((well) => told.push(well));
    for (const engine of [a, b]) {
      engine.trouble = 'unavailable';
      engine.away = true;
    }
    await errorOf(pool.txt2img(small, call));
    assert.deepEqual(told, []);
    await errorOf(pool.txt2img(small, call));
    assert.deepEqual(told, [false]);
    const refused = Array.from({ length: 10 }, () => errorOf(pool.txt2img(small, call)));
    for (const { kind } of await Promise.all(refused)) assert.equal(kind, 'unavailable');
    assert.deepEqual([a.calls, b.calls], [1, 1]);
    b.trouble = undefined;
    b.away = false;
    assert.equal((await pool.txt2img(small, call)).engine, 'b');
    assert.deepEqual(told, [false, true]);
    assert.equal(pool.well, true);
    pool.onModuleDestroy();
  });

  it('is not well when a lost connection turns out to be a server that is away', async () => {
    const a = new Puppet('a');
    a.trouble = 'unknown_outcome';
    const pool = new EnginePool([a]);
    await errorOf(pool.txt2img(small, call));
    await eventually('it was probed', () => a.pings === 1);
    assert.equal(pool.well, true);
    a.away = true;
    await errorOf(pool.txt2img(small, call));
    await eventually('it is not well', () => !pool.well);
    pool.onModuleDestroy();
  });

  it('says so when there is none', async () => {
    assert.equal((await errorOf(new EnginePool([]).txt2img(small, call))).kind, 'unavailable');
  });

  it('goes on with the servers that live', async (t) => {
    const gone = createSketch();
    const goneUrl = await gone.listen();
    await gone.close();
    const { sketch, url } = await startSketch(t);
    const pool = new EnginePool([client(goneUrl), client(url)]);
    assert.equal((await errorOf(pool.txt2img(small, call))).kind, 'unavailable');
    const results = await Promise.all([pool.txt2img(small, call), pool.txt2img(small, call)]);
    assert.ok(results.every(({ engine, images }) => engine === 'sketch' && images.length === 1));
    assert.equal(sketch.state().requests, 2);
  });
});
