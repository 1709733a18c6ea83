import { describe, expect, it, jest } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { Logger } from '@nestjs/common';
import { EnginePool } from '../../../src/features/image-generation/engine-pool.js';
import {
  EngineError,
  type EngineErrorKind,
} from '../../../src/features/image-generation/engines/engine-errors.js';
import type {
  EngineCall,
  EngineResult,
  ImageEngine,
} from '../../../src/features/image-generation/engines/image-engine.js';
import type { SketchOptions } from '../../../src/sketch/options.js';
import { createSketch } from '../../../src/sketch/sketch-server.js';
import { eventually } from '../../support/eventually.js';
import { startFront } from './front-server.js';
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
    await eventually('all are asked', () => a.calls === 2 && b.calls === 2);
    b.release();
    await Promise.all([calls[1], calls[3]]);
    calls.push(pool.txt2img(small, call));
    await eventually('the idle one is asked', () => a.calls === 2 && b.calls === 3);
    a.release();
    b.release();
    expect((await Promise.all(calls)).map(({ engine }) => engine)).toEqual([
      'a',
      'b',
      'a',
      'b',
      'b',
    ]);
  });

  for (const trouble of ['unavailable', 'misconfigured', 'timeout'] as const) {
    it(`passes over a server that is in trouble (${trouble})`, async () => {
      const [a, b] = [new Puppet('a'), new Puppet('b', true)];
      a.trouble = trouble;
      const pool = new EnginePool([a, b]);
      expect((await errorOf(pool.txt2img(small, call))).kind).toBe(trouble);
      const calls = [pool.txt2img(small, call), pool.txt2img(small, call)];
      await eventually('the other is asked', () => a.calls === 1 && b.calls === 2);
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
      expect([a.calls, b.calls]).toEqual([2, 0]);
    });
  }

  it('asks the server that failed at a request last', async () => {
    const [a, b] = [new Puppet('a'), new Puppet('b', true)];
    a.trouble = 'failed';
    const pool = new EnginePool([a, b]);
    expect((await errorOf(pool.txt2img(small, call))).kind).toBe('failed');
    const calls = [pool.txt2img(small, call), pool.txt2img(small, call)];
    await eventually('the other is asked', () => a.calls === 1 && b.calls === 2);
    b.release();
    await Promise.all(calls);
  });

  it('asks no server for pictures while none is well, and reports when that changes', async () => {
    const [a, b] = [new Puppet('a'), new Puppet('b')];
    const pool = new EnginePool([a, b]);
    const told: boolean[] = [];
    pool.onChange((well) => told.push(well));
    for (const engine of [a, b]) {
      engine.trouble = 'unavailable';
      engine.away = true;
    }
    await errorOf(pool.txt2img(small, call));
    expect(told).toEqual([]);
    await errorOf(pool.txt2img(small, call));
    expect(told).toEqual([false]);
    const refused = Array.from({ length: 10 }, () => errorOf(pool.txt2img(small, call)));
    for (const { kind } of await Promise.all(refused)) expect(kind).toBe('unavailable');
    expect([a.calls, b.calls]).toEqual([1, 1]);
    b.trouble = undefined;
    b.away = false;
    // A call waits for a second after the probe is due, and a busy machine may probe later.
    const made = await eventually('b is asked', async () => {
      return pool.txt2img(small, call).catch(() => false as const);
    });
    expect(made.engine).toBe('b');
    expect(told).toEqual([false, true]);
    expect(pool.well).toBe(true);
    pool.onModuleDestroy();
  });

  for (const trouble of ['unknown_outcome', 'bad_result'] as const) {
    it(`is not well when ${trouble} turns out to be a server that is away`, async () => {
      const a = new Puppet('a');
      a.trouble = trouble;
      const pool = new EnginePool([a]);
      await errorOf(pool.txt2img(small, call));
      await eventually('it was probed', () => a.pings === 1);
      expect(pool.well).toBe(true);
      a.away = true;
      await errorOf(pool.txt2img(small, call));
      await eventually('it is not well', () => !pool.well);
      pool.onModuleDestroy();
    });
  }

  it("is not well while web pages or other answers come instead of its server's", async () => {
    const { url } = await startSketch();
    let inPlace: string | undefined = '<!doctype html><p>Please sign in</p>';
    const front = await startFront(url, (_seen, response) => {
      if (inPlace === undefined) return false;
      response.writeHead(200, { 'content-type': 'text/html' }).end(inPlace);
      return true;
    });
    const pool = new EnginePool([client(front.url)]);
    atTestEnd(() => pool.onModuleDestroy());
    expect((await errorOf(pool.txt2img(small, call))).kind).toBe('unavailable');
    expect(pool.well).toBe(false);
    // The next call waits for a probe, and a page does not count as an answer to it.
    expect((await errorOf(pool.txt2img(small, call))).kind).toBe('unavailable');
    inPlace = '{"status":"ok"}';
    expect((await errorOf(pool.txt2img(small, call))).kind).toBe('unavailable');
    inPlace = undefined;
    await eventually('it is well', () => pool.well);
    expect((await pool.txt2img(small, call)).images.length).toBe(1);
  });

  it('says so when there is no server', async () => {
    expect((await errorOf(new EnginePool([]).txt2img(small, call))).kind).toBe('unavailable');
  });

  it('continues with the servers that work', async () => {
    const gone = createSketch();
    const goneUrl = await gone.listen();
    await gone.close();
    const { sketch, url } = await startSketch();
    const pool = new EnginePool([client(goneUrl), client(url)]);
    const results = await Promise.all([pool.txt2img(small, call), pool.txt2img(small, call)]);
    expect(results.every(({ engine, images }) => engine === 'sketch' && images.length === 1)).toBe(
      true,
    );
    expect(sketch.state().requests).toBe(2);
  });
});

describe('a pool of different servers', () => {
  async function unlike(...each: Partial<SketchOptions>[]) {
    const started = await Promise.all(each.map((options) => startSketch(options)));
    const pool = new EnginePool(started.map(({ url }) => client(url)));
    atTestEnd(() => pool.onModuleDestroy());
    const drawn = () => started.map(({ sketch }) => sketch.state().requests);
    return { pool, drawn, sketches: started.map(({ sketch }) => sketch) };
  }

  it('sends a request to the server that has the model', async () => {
    const { pool, drawn } = await unlike({ models: ['alpha'] }, { models: ['beta'] });
    const request = { ...small, model: 'beta' };
    const results = await Promise.all([1, 2, 3].map(() => pool.txt2img(request, call)));
    expect(results.every(({ model }) => model === 'beta')).toBe(true);
    expect(drawn()).toEqual([0, 3]);
  });

  for (const request of [{ seed: 2 ** 31 }, { steps: 101 }, { width: 72 }, { scheduler: 'beta' }]) {
    it(`sends ${JSON.stringify(request)} to the server that can draw it`, async () => {
      const { pool, drawn } = await unlike({ mode: 'sd-server' }, {});
      expect((await pool.txt2img({ ...small, ...request }, call)).images.length).toBe(1);
      expect(drawn()).toEqual([0, 1]);
    });
  }

  it('draws nothing when no server can, and says so at once', async () => {
    const { pool, drawn } = await unlike({ mode: 'sd-server' }, { mode: 'sd-server' });
    const error = await errorOf(pool.txt2img({ ...small, seed: 2 ** 31 }, call));
    expect(error.kind).toBe('mismatch');
    expect(drawn()).toEqual([0, 0]);
  });

  it('waits for the server that has the model', async () => {
    const { pool, drawn, sketches } = await unlike({ models: ['alpha'] }, { models: ['beta'] });
    await pool.look();
    const back = sketches[1]!.restart(4_000);
    await pool.look();
    const request = { ...small, model: 'beta' };
    expect(pool.unsupported(request)).toEqual([]);
    expect((await errorOf(pool.txt2img(request, call))).kind).toBe('unavailable');
    await back;
    await eventually('it is drawn', () =>
      pool.txt2img(request, call).then(
        () => true,
        () => false,
      ),
    );
    expect(drawn()).toEqual([0, 1]);
  });

  it("waits once for a frozen server's capabilities, not at each call", async () => {
    const { url } = await startSketch();
    const frozen = await startFront(url, () => true);
    const pool = new EnginePool([client(frozen.url, { askMs: 1_000 }), client(url)]);
    atTestEnd(() => pool.onModuleDestroy());
    for (let i = 0; i < 5; i++) {
      expect((await pool.txt2img(small, call)).images.length).toBe(1);
    }
    // Once more if the others took long.
    expect(frozen.seen.length).toBeGreaterThan(0);
    expect(frozen.seen.length).toBeLessThan(5);
  });

  it('says what none of them can do, by the nearest server, when all are known', async () => {
    const { pool } = await unlike({ mode: 'sd-server', models: ['alpha'] }, { models: ['alpine'] });
    const request = { ...small, model: 'alpin', seed: 2 ** 31 };
    expect(pool.unsupported(request)).toEqual([]);
    await pool.look();
    expect(pool.unsupported(request)).toEqual([
      { path: 'model', message: 'is not known here; closest names: alpine' },
    ]);
    expect(pool.unsupported({ ...request, model: 'alpine' })).toEqual([]);
  });
});

describe('a look at the servers', () => {
  it('notices when a server goes and when it comes back, and reports each once', async () => {
    const { sketch, url } = await startSketch();
    const pool = new EnginePool([client(url)]);
    atTestEnd(() => pool.onModuleDestroy());
    const lines: unknown[] = [];
    for (const level of ['log', 'warn'] as const) {
      jest
        .spyOn(Logger.prototype, level)
        .mockImplementation((line: unknown) => void lines.push(line));
    }
    const looked = (answers: boolean) =>
      eventually(`it ${answers ? 'answers' : 'is away'}`, async () => {
        await pool.look();
        return pool.answers === answers && lines.length === (answers ? 2 : 1);
      });
    expect(pool.answers).toBe(false);
    await pool.look();
    expect(pool.answers).toBe(true);
    const back = sketch.restart(3_000);
    await looked(false);
    expect(pool.well).toBe(true);
    expect((await errorOf(pool.txt2img(small, call))).kind).toBe('unavailable');
    await pool.look();
    await back;
    await looked(true);
    expect(lines).toEqual([
      'No Stable Diffusion server answers; pictures have to wait.',
      'A Stable Diffusion server answers again.',
    ]);
  });

  it('does not report a server as unreachable when it is late once', async () => {
    const { url } = await startSketch();
    let late = 0;
    const front = await startFront(url, () => late-- > 0);
    const pool = new EnginePool([client(front.url, { askMs: 1_000 })]);
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
    late = 1;
    await pool.look();
    expect([pool.answers, warn.mock.calls.length]).toEqual([false, 0]);
    await pool.look();
    expect(pool.answers).toBe(true);
    late = 2;
    await pool.look();
    await pool.look();
    expect([pool.answers, warn.mock.calls.length]).toEqual([false, 1]);
  });
});
