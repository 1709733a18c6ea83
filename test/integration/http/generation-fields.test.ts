import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { badFieldsOf } from '../../support/problem.js';

interface Limits {
  accepted: unknown[];
  refused: unknown[];
  /** Fields that the value needs beside it. */
  beside?: Record<string, unknown>;
}

const small = { prompt: 'x', width: 64, height: 64, steps: 1 };
const long = (length: number) => 'x'.repeat(length);
const notStorable = ['a\u0000b', 'a\ud800b', '\udfff'];
const notText = [null, 1, true, [], {}];
const notNumber = [null, '1', '', true, [], {}];

const label: Limits = {
  accepted: ['x', long(200), 'Euler a', '日本語', '👩‍🚀'],
  refused: ['', '   ', long(201), ...notStorable, ...notText],
};
const side: Limits = {
  accepted: [64, 72, 512, 2040, 2048],
  refused: [0, -64, 56, 63, 65, 2049, 2056, 100.5, 1e308, ...notNumber],
};
const integer = (min: number, max: number): Limits => ({
  accepted: [min, min + 1, max - 1, max],
  refused: [min - 1, max + 1, min + 0.5, 1e308, -1e308, ...notNumber],
});

const fields: Record<string, Limits> = {
  prompt: {
    accepted: ['x', long(2000), '  x  ', 'two\nlines', 'a < b', '(cat:1.2) [dog]', '{{cat}}', '🖼'],
    refused: [
      '',
      ' \n ',
      long(2001),
      'a <lora:x:1>',
      'a <LoRA:x>',
      '<lyco:x:1>',
      '<hypernet:x:1>',
      `<lora:x:${long(300)}>`,
      'a <sd_cpp_extra_args>{"steps":40}</sd_cpp_extra_args>',
      '{{ f(x) }}',
      '＜lora:x:1＞',
      ...notStorable,
      ...notText,
    ],
  },
  negative_prompt: {
    accepted: ['', 'x', long(2000)],
    refused: [long(2001), 'a <lora:x:1>', ...notStorable, ...notText],
  },
  width: side,
  height: side,
  steps: integer(1, 150),
  cfg_scale: {
    accepted: [0, 0.1, 7, 7.5, 30],
    refused: [-0.1, 30.1, 1e308, ...notNumber],
  },
  sampler_name: label,
  scheduler: label,
  model: label,
  character_name: label,
  chat_id: label,
  seed: integer(-1, 4_294_967_295),
  batch_size: integer(1, 8),
  priority: {
    accepted: ['high', 'normal', 'low'],
    refused: ['', 'urgent', 'HIGH', 1, null, ['high']],
  },
  expires_in: integer(1, 604_800),
  webhook_url: {
    accepted: ['https://example.com/hook?a=1'],
    refused: ['', null, 1, 'example.com', 'https://10.0.0.1/', long(2_049)],
  },
  notify_email: { accepted: [false, true], refused: [null, 'false', 0] },
  metadata: {
    accepted: [{}, { a: [1, null, 'x', { b: 1.5 }] }, { k: long(4096 - '{"k":""}'.length) }],
    refused: [
      { k: long(4097 - '{"k":""}'.length) },
      { k: '€'.repeat(1400) },
      ...notStorable.flatMap((text) => [{ k: text }, { [text]: 1 }, { k: [[text]] }]),
      null,
      'x',
      1,
      [],
      [1],
    ],
  },
};

describe('a field of the generation request', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    // No engine: nothing but the form of a request is judged.
    darkroom = await startDarkroom('postgres', { workers: false, settings: { engineUrls: [] } });
  });
  afterAll(() => darkroom.close());
  const post = (body: unknown) => darkroom.post('/api/v1/generate-image', body);

  for (const [field, { accepted, refused }] of Object.entries(fields)) {
    it(`${field}: ${accepted.length} values accepted, ${refused.length} refused by name (security 13)`, async () => {
      for (const value of accepted) {
        const answer = await post({ ...small, [field]: value });
        about(`${shown(value)}: ${await answer.text()}`, () => expect(answer.status).toBe(202));
      }
      for (const value of refused) {
        const answer = await post({ ...small, [field]: value });
        about(shown(value), () => expect(answer.status).toBe(422));
        expect((await badFieldsOf(answer)).map(root)).toEqual([field]);
      }
    });
  }

  it('is optional, except prompt', async () => {
    expect(await badFieldsOf(await post({}))).toEqual(['prompt']);
    expect((await post({ prompt: 'x' })).status).toBe(202);
  });

  it('has a limit for steps × width × height × batch_size (security 13)', async () => {
    const most = { prompt: 'x', width: 2000, height: 2000, steps: 125, batch_size: 2 };
    expect((await post(most)).status).toBe(202);
    expect(await badFieldsOf(await post({ ...most, steps: 126 }))).toEqual(['steps']);
  });

  it('is named when it is unknown, and nothing is stored (security 9)', async () => {
    const before = await countTasks();
    const intruders = { user_id: 1, credits: 5, status: 'SUCCESS', is_admin: true, Prompt: 'x' };
    const bad = await badFieldsOf(await post({ ...small, ...intruders }));
    expect(bad.toSorted()).toEqual(Object.keys(intruders).toSorted());
    expect(await countTasks()).toBe(before);
  });

  it('is named together with all other invalid fields in one answer', async () => {
    const bad = await badFieldsOf(await post({ prompt: '', steps: 0, width: 1, extra: 1 }));
    expect(bad.toSorted()).toEqual(['extra', 'prompt', 'steps', 'width']);
  });

  it('is not repeated to the sender when it is refused', async () => {
    const answer = await post({ ...small, prompt: `${long(2000)}CANARY` });
    expect(await answer.text()).not.toMatch(/CANARY/);
  });

  async function countTasks(): Promise<number> {
    const [row] = await darkroom.database.query('SELECT count(*)::int AS count FROM tasks');
    return row.count;
  }
});

function root(path: string): string {
  return path.split('.', 1)[0]!;
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80);
}
