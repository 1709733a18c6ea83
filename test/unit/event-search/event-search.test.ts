import { describe, expect, it } from '@jest/globals';
import { ElasticsearchTrouble } from '../../../src/features/event-search/elasticsearch-trouble.js';
import { isFlattenable } from '../../../src/features/event-search/index-template.js';
import { IndexingPace } from '../../../src/features/event-search/indexing-pace.js';
import { searchTerms } from '../../../src/features/event-search/search-terms.js';

const trouble = (kind: ElasticsearchTrouble['kind'], retryAfterMs = 0) =>
  new ElasticsearchTrouble('It has trouble.', kind, retryAfterMs);

describe('the pace of indexing', () => {
  it('sends half as much to who is busy, and more again when that went well', () => {
    const pace = new IndexingPace();
    expect(pace.most).toBe(500);
    pace.waitAfter(trouble('busy'));
    pace.waitAfter(trouble('busy'));
    expect(pace.most).toBe(125);
    for (let n = 0; n < 20; n++) pace.waitAfter(trouble('busy'));
    expect(pace.most).toBe(1);
    for (let n = 0; n < 20; n++) pace.went();
    expect(pace.most).toBe(500);
    pace.waitAfter(trouble('away'));
    expect(pace.most).toBe(500);
  });

  it('waits ever longer, up to a minute, and longer if it is asked to', () => {
    const pace = new IndexingPace();
    const waits = Array.from({ length: 12 }, () => pace.waitAfter(trouble('away')));
    for (const [n, ms] of waits.entries()) {
      const full = Math.min(60_000, 1_000 * 2 ** n);
      expect(ms).toBeGreaterThanOrEqual(0.8 * full);
      expect(ms).toBeLessThanOrEqual(full);
    }
    expect(pace.waitAfter(trouble('busy', 300_000))).toBe(300_000);
    pace.went();
    expect(pace.waitAfter(trouble('away'))).toBeLessThanOrEqual(1_000);
  });

  it('sends the half at once when it was too large', () => {
    const pace = new IndexingPace();
    expect([pace.waitAfter(trouble('too_large')), pace.most]).toEqual([0, 250]);
  });
});

it.each([
  ['heron', [['heron']]],
  ['two words', [['two', 'words']]],
  ['"next to each other" -not', [['next to each other', '-not']]],
  ['a b OR c or -"d e"', [['a', 'b'], ['c'], ['-d e']]],
  ['"or" -or', [['or', '-or']]],
  ['or or or', []],
  ['a or', [['a']]],
  ['"an open end', [['an open end']]],
  ['a"b c"d', [['a', 'b c', 'd']]],
  ['!!! - "" -"" … 💥', []],
  ['', []],
])('a question is read as terms: %s', (q, terms) => {
  const read = searchTerms(q).map((together) =>
    together.map(({ text, without }) => (without ? '-' : '') + text),
  );
  expect(read).toEqual(terms);
});

it('a flattened field gets objects that it can take, and nothing else', () => {
  const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: [deep(levels - 1)] });
  expect(isFlattenable({})).toBe(true);
  expect(isFlattenable({ a: [1, 'b', null, { c: true }] })).toBe(true);
  expect(isFlattenable(deep(7))).toBe(true);
  expect(isFlattenable(deep(8))).toBe(false);
  expect(isFlattenable({ ['k'.repeat(201)]: 1 })).toBe(false);
  for (const other of [null, undefined, 'text', 1, [], [{}]]) {
    expect(isFlattenable(other)).toBe(false);
  }
});
