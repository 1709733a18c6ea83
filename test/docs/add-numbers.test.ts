import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { CalculateProcessor } from '../../src/features/calculate/calculate.processor.js';
import { addNumbersTask } from '../../src/features/calculate/calculate.tasks.js';
import { InvalidPayloadError } from '../../src/tasks/definitions/task-payload.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../support/task-lab.js';

onBothQueueEngines('add_numbers', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [CalculateProcessor] });
  });
  afterAll(() => lab.close());

  it('adds two integers', async () => {
    const id = await lab.send(addNumbersTask, { x: 2, y: 3 });
    const task = await lab.finished(id);
    expect(task.state).toBe('SUCCESS');
    expect(task.result).toBe(5);
  });

  it('refuses numbers that are not integers', async () => {
    await expect(lab.send(addNumbersTask, { x: 2.5, y: 3 })).rejects.toThrow(InvalidPayloadError);
  });
});
