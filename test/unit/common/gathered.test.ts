import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Gathered } from '../../../src/common/gathered.js';
import { eventually } from '../../support/eventually.js';

/** Doubles numbers; notes what came together; each round trip ends when it is told to. */
function doubling(most = 100) {
  const trips: number[][] = [];
  const ends: (() => void)[] = [];
  const gathered = new Gathered(async (numbers: number[]) => {
    trips.push(numbers);
    await new Promise<void>((resolve) => ends.push(resolve));
    if (numbers.includes(13)) throw new Error('no thirteens');
    return numbers.map((n) => n * 2);
  }, most);
  const turn = () => new Promise(setImmediate);
  const end = async () => {
    await turn();
    ends.shift()!();
    await turn();
  };
  return { gathered, trips, end };
}

describe('gathered questions', () => {
  it('of one turn go together, and each has its own answer', async () => {
    const { gathered, trips, end } = doubling();
    const answers = Promise.all([1, 2, 3].map((n) => gathered.ask(n)));
    await end();
    assert.deepEqual(await answers, [2, 4, 6]);
    assert.deepEqual(trips, [[1, 2, 3]]);
  });

  it('put while a round trip is on its way wait for the next one', async () => {
    const { gathered, trips, end } = doubling();
    const first = gathered.ask(1);
    await new Promise(setImmediate);
    const later = Promise.all([gathered.ask(2), gathered.ask(3)]);
    assert.deepEqual(trips, [[1]]);
    await end();
    await end();
    assert.deepEqual([await first, ...(await later)], [2, 4, 6]);
    assert.deepEqual(trips, [[1], [2, 3]]);
  });

  it('are split when they are too many', async () => {
    const { gathered, trips, end } = doubling(2);
    const answers = Promise.all([1, 2, 3].map((n) => gathered.ask(n)));
    await end();
    await end();
    assert.deepEqual(await answers, [2, 4, 6]);
    assert.deepEqual(trips, [[1, 2], [3]]);
  });

  it('do not wait for ever for a round trip that never ends', async () => {
    const { gathered, trips, end } = doubling();
    const stuck = gathered.ask(1);
    await new Promise(setImmediate);
    const later = gathered.ask(2);
    await eventually('the next one is on its way', () => trips.length === 2);
    await end();
    await end();
    assert.deepEqual([await stuck, await later], [2, 4]);
  });

  it('fail together, and the next ones are asked all the same', async () => {
    const { gathered, end } = doubling();
    const failed = Promise.allSettled([gathered.ask(1), gathered.ask(13)]);
    await end();
    assert.deepEqual(
      (await failed).map((outcome) => outcome.status),
      ['rejected', 'rejected'],
    );
    const answer = gathered.ask(4);
    await end();
    assert.equal(await answer, 8);
  });
});
