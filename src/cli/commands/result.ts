import type { Command } from 'commander';
import { answers, command, type Answer } from '../command.js';
import { withDarkroom } from '../connection.js';
import { answerOf, neverMs } from '../task-answer.js';
import { durationValue, idValue } from '../values.js';

interface Options {
  wait?: number | true;
  forget?: boolean;
}

/** Celery's `result`: the state of a task and its result. */
export function resultCommand(program: Command): void {
  command(program, 'result', {
    description: 'Show the state of a task, and its result or its error.',
    examples: [
      ['result 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54', 'as it is now'],
      ['result 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54 --wait 30s', 'once it is over'],
      ['result 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54 --forget', 'drop the result'],
    ],
    notes:
      'Exit code 1 when the task is FAILURE or REVOKED, or there is none; 124 when it is not over in time.',
  })
    .argument('<id>', 'id of the task', idValue)
    .option('--wait [duration]', 'wait for the end, at most so long', durationValue)
    .option('--forget', 'drop the result from the database, once it was shown')
    .action(answers(result));
}

async function result(id: string, options: Options): Promise<Answer> {
  return withDarkroom(async (darkroom) => {
    const { TaskResults } = await import('../../tasks/results/task-results.js');
    const results = darkroom.get(TaskResults);
    const waitMs = options.wait === true ? neverMs : options.wait;
    const task = waitMs === undefined ? await results.task(id) : await results.end(id, waitMs);
    const answer = answerOf(task, waitMs);
    if (options.forget) await results.forget(id);
    return answer;
  });
}
