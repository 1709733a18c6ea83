import { describe, expect, it } from '@jest/globals';
import { Gathered, GatheredByKey } from '../../../src/common/gathered.js';
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
  it('of one turn go together, and each gets its own answer', async () => {
    const { gathered, trips, end } = doubling();
    const answers = Promise.all([1, 2, 3].map((n) => gathered.ask(n)));
    await end();
    expect(await answers).toEqual([2, 4, 6]);
    expect(trips).toEqual([[1, 2, 3]]);
  });

  it('wait for the next round trip when one is under way', async () => {
    const { gathered, trips, end } = doubling();
    const first = gathered.ask(1);
    await new Promise(setImmediate);
    const later = Promise.all([gathered.ask(2), gathered.ask(3)]);
    expect(trips).toEqual([[1]]);
    await end();
    await end();
    expect([await first, ...(await later)]).toEqual([2, 4, 6]);
    expect(trips).toEqual([[1], [2, 3]]);
  });

  it('are split when there are too many', async () => {
    const { gathered, trips, end } = doubling(2);
    const answers = Promise.all([1, 2, 3].map((n) => gathered.ask(n)));
    await end();
    await end();
    expect(await answers).toEqual([2, 4, 6]);
    expect(trips).toEqual([[1, 2], [3]]);
  });

  it('do not wait for ever for a round trip that never ends', async () => {
    const { gathered, trips, end } = doubling();
    const stuck = gathered.ask(1);
    await new Promise(setImmediate);
    const later = gathered.ask(2);
    await eventually('the next one is on its way', () => trips.length === 2);
    await end();
    await end();
    expect([await stuck, await later]).toEqual([2, 4]);
  });

  it('fail together, while the next ones are still asked', async () => {
    const { gathered, end } = doubling();
    const failed = Promise.allSettled([gathered.ask(1), gathered.ask(13)]);
    await end();
    expect((await failed).map((outcome) => outcome.status)).toEqual(['rejected', 'rejected']);
    const answer = gathered.ask(4);
    await end();
    expect(await answer).toBe(8);
  });
});

describe('gathered questions of several keys', () => {
  it('of one key go one round trip at a time, and never with those of another', async () => {
    const trips: string[][] = [];
    const ends: (() => void)[] = [];
    const byKey = new GatheredByKey<string, string>(
      async (asked) => {
        trips.push(asked);
        await new Promise<void>((resolve) => ends.push(resolve));
        return asked.map((one) => one.toUpperCase());
      },
      100,
      60_000,
    );
    const turn = () => new Promise(setImmediate);
    const first = byKey.ask('ann', 'a1');
    await turn();
    const later = Promise.all([
      byKey.ask('ann', 'a2'),
      byKey.ask('ann', 'a3'),
      byKey.ask('bob', 'b1'),
    ]);
    await turn();
    expect(trips).toEqual([['a1'], ['b1']]);
    ends[0]!();
    expect(await first).toBe('A1');
    await eventually('the next round trip has begun', () => trips.length === 3);
    expect(trips[2]).toEqual(['a2', 'a3']);
    ends[1]!();
    ends[2]!();
    expect(await later).toEqual(['A2', 'A3', 'B1']);
    const again = byKey.ask('ann', 'a4');
    await eventually('a key that had nothing to ask can ask again', () => trips.length === 4);
    ends[3]!();
    expect(await again).toBe('A4');
  });
});
