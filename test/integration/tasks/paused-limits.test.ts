import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../support/eventually.js';
import { endureBriefly } from '../../support/pool-handlers.js';
import { openPoolLab, type PoolLab } from '../../support/pool-lab.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';

type How = 'hangs' | 'spins';

onBothQueueEngines('time limits that a handler pauses', (engine) => {
  const pools: ['inline' | 'processes', How][] = [
    ['inline', 'hangs'],
    ['processes', 'spins'],
  ];
  for (const [workerPool, how] of pools) {
    describe(`in the pool ${workerPool}`, () => {
      let lab: PoolLab;
      beforeAll(async () => {
        lab = await openPoolLab(engine, { workerPool });
      });
      afterAll(() => lab.close());

      async function paused(payload: `waits_paused` | `${How}_after_pause`): Promise<string> {
        const id = await lab.send(endureBriefly, payload);
        await eventually('it has paused its limits', async () => {
          const notes = await lab.database.query('SELECT FROM notes WHERE task = $1', [id]);
          return notes.length > 0;
        });
        return id;
      }
      const openGate = (id: string) => lab.database.query('INSERT INTO gates VALUES ($1)', [id]);

      it('do not count while it waits', async () => {
        const id = await paused('waits_paused');
        // One of the same kind that began later is over its limits by then.
        const other = await lab.finished(await lab.send(endureBriefly, how));
        expect(other.error?.code).toBe('time_limit');
        expect((await lab.task(id)).state).toBe('STARTED');
        await openGate(id);
        const task = await lab.finished(id);
        expect([task.state, task.result, task.attempt]).toEqual(['SUCCESS', 'after its turn', 1]);
      });

      it('count again after its wait', async () => {
        const id = await paused(`${how}_after_pause`);
        await openGate(id);
        const task = await lab.finished(id);
        expect([task.state, task.error?.code]).toEqual(['FAILURE', 'time_limit']);
        expect([task.attempt, task.crashes]).toEqual([1, 0]);
      });
    });
  }
});
