import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
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
    accepted: ['x', long(2000), '  x  ', 'two\nlines', 'a < b', '(cat:1.2) [dog]', '🖼'],
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
  webhook_url: { accepted: [], refused: ['https://example.com/hook', '', null, 1] },
  notify_email: { accepted: [false], refused: [true, null, 'false', 0] },
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
  before(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  after(() => darkroom.close());
  const post = (body: unknown) => darkroom.post('/api/v1/generate-image', body);

  for (const [field, { accepted, refused }] of Object.entries(fields)) {
    it(`${field}: ${accepted.length} values accepted, ${refused.length} refused by name`, async () => {
      for (const value of accepted) {
        const answer = await post({ ...small, [field]: value });
        assert.equal(answer.status, 202, `${shown(value)}: ${await answer.text()}`);
      }
      for (const value of refused) {
        const answer = await post({ ...small, [field]: value });
        assert.equal(answer.status, 422, shown(value));
        assert.deepEqual((await badFieldsOf(answer)).map(root), [field], shown(value));
      }
    });
  }

  it('prompt is needed, everything else is not', async () => {
    assert.deepEqual(await badFieldsOf(await post({})), ['prompt']);
    assert.equal((await post({ prompt: 'x' })).status, 202);
  });

  it('steps × width × height × batch_size has a limit of its own', async () => {
    const most = { prompt: 'x', width: 2000, height: 2000, steps: 125, batch_size: 2 };
    assert.equal((await post(most)).status, 202);
    assert.deepEqual(await badFieldsOf(await post({ ...most, steps: 126 })), ['steps']);
  });

  it('an unknown one is named and nothing is stored', async () => {
    const before = await countTasks();
    const intruders = { user_id: 1, credits: 5, status: 'SUCCESS', is_admin: true, Prompt: 'x' };
    const bad = await badFieldsOf(await post({ ...small, ...intruders }));
    assert.deepEqual(bad.toSorted(), Object.keys(intruders).toSorted());
    assert.equal(await countTasks(), before);
  });

  it('every wrong one is named in one answer', async () => {
    const bad = await badFieldsOf(await post({ prompt: '', steps: 0, width: 1, extra: 1 }));
    assert.deepEqual(bad.toSorted(), ['extra', 'prompt', 'steps', 'width']);
  });

  it('what is refused is not repeated to the sender', async () => {
    const answer = await post({ ...small, prompt: `${long(2000)}CANARY` });
    assert.doesNotMatch(await answer.text(), /CANARY/);
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
