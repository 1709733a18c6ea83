import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { CalculateProcessor } from '../../src/features/calculate/calculate.processor.js';
import { addNumbersTask } from '../../src/features/calculate/calculate.tasks.js';
import { InvalidPayloadError } from '../../src/tasks/task-payload.js';
import { onBothQueueEngines } from '../support/queue-engines.js';
import { openTaskLab, type TaskLab } from '../support/task-lab.js';

onBothQueueEngines('add_numbers', (engine) => {
  let lab: TaskLab;
  before(async () => {
    lab = await openTaskLab(engine, { providers: [CalculateProcessor] });
  });
  after(() => lab.close());

  it('adds', async () => {
    const id = await lab.send(addNumbersTask, { x: 2, y: 3 });
    const task = await lab.finished(id);
    assert.equal(task.state, 'SUCCESS');
    assert.equal(task.result, 5);
  });

  it('takes integers only', async () => {
    await assert.rejects(lab.send(addNumbersTask, { x: 2.5, y: 3 }), InvalidPayloadError);
  });
});
