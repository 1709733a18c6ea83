import { strict as assert } from 'node:assert';
import { describe, it } from '@jest/globals';
import { unsupported } from '../../../src/features/image-generation/engines/engine-capabilities.js';
import {
  findListed,
  findModel,
  nearest,
} from '../../../src/features/image-generation/engines/engine-names.js';

describe('names that an engine lists', () => {
  it('are matched exactly before by similar spelling, and the first match counts', () => {
    const first = { name: 'Euler', aliases: ['k_euler'] };
    const list = [first, { name: 'euler', aliases: [] }, { name: 'Other', aliases: ['Euler'] }];
    assert.equal(findListed(list, 'Euler'), first);
    assert.equal(findListed(list, 'euler'), list[1]);
    assert.equal(findListed(list, 'EULER'), first);
    assert.equal(findListed(list, 'Heun'), undefined);
  });

  it('are read once, however many names a request may mean', () => {
    let reads = 0;
    const listed = (name: string) => ({
      get name() {
        reads += 1;
        return name;
      },
      aliases: [],
    });
    const samplers = Array.from({ length: 50 }, (_, i) => listed(`sampler ${i}`));
    const can = { taskProgress: true, globalProgress: true, interrupt: true, limits: {} };
    const asked = {
      prompt: 'x',
      negativePrompt: '',
      width: 64,
      height: 64,
      steps: 1,
      cfgScale: 7,
      seed: 1,
      batchSize: 1,
      samplerName: `${'a '.repeat(99)}b`,
    };
    const lists = { models: undefined, samplers, schedulers: samplers };
    unsupported(asked, { ...can, ...lists });
    const once = reads;
    unsupported(asked, { ...can, ...lists });
    // The second time only those that the answer shows.
    assert.ok(once <= 5 * samplers.length, `${once} reads of ${samplers.length} names`);
    assert.ok(reads - once <= samplers.length, `${reads - once} reads the second time`);
  });

  it('are searched once for each requested model', () => {
    let reads = 0;
    const models = Array.from({ length: 50 }, (_, i) => ({
      get title() {
        reads += 1;
        return `model ${i}`;
      },
      name: `model ${i}`,
      aliases: [],
      hash: null,
    }));
    for (const asked of ['model 49', 'nope', 'MODEL 49']) {
      const found = findModel(models, asked);
      const once = reads;
      assert.equal(findModel(models, asked), found);
      assert.equal(reads, once);
    }
    assert.equal(findModel(models, 'MODEL 49'), models[49]);
    assert.equal(findModel(models, 'nope'), undefined);
  });

  it('are shown only if a request can use them', () => {
    const names = ['a\u0000b', '\ud800', '', 'x'.repeat(201), 'euler'];
    assert.deepEqual(nearest('a', names), ['euler']);
  });
});
