import type { Command } from 'commander';
import { QUEUE_NAMES, type QueueName } from '../../tasks/definitions/queues.js';
import { confirm } from '../ask.js';
import { answers, command, say, type Answer } from '../command.js';
import { withDarkroom } from '../connection.js';
import { counted } from '../output.js';
import { progressBar } from '../progress.js';
import { queuesValue } from '../values.js';

interface Options {
  queues?: QueueName[];
  yes?: boolean;
}

/** Celery's `purge`. */
export function purgeCommand(program: Command): void {
  command(program, 'purge', {
    description: 'Revoke every task that waits in a queue, delayed and retrying ones too.',
    examples: [
      ['purge --queues low_priority', 'asks first, and says how many'],
      ['purge --yes', 'all queues, for scripts'],
    ],
    notes:
      'Running tasks go on. The purged ones stay in the database as REVOKED, with the code "purged".',
  })
    .option('--queues <names>', 'separated by commas (default: all)', queuesValue)
    .option('--yes', 'do not ask')
    .action(answers(purge));
}

async function purge({ queues = [...QUEUE_NAMES], yes }: Options): Promise<Answer> {
  return withDarkroom(async (darkroom) => {
    const { QueuePurge } = await import('../../tasks/operations/queue-purge.js');
    const purge = darkroom.get(QueuePurge);
    const waiting = await purge.count(queues);
    if (waiting === 0) {
      return { json: { queues, revoked: 0 }, text: `No task waits in ${queues.join(', ')}.` };
    }
    await confirm(`Delete ${counted(waiting, 'waiting task')} of ${queues.join(', ')}?`, yes);
    const bar = await progressBar('Purging', waiting);
    const { revoked, hintsLeft } = await purge.purge(queues, (done) => bar.to(done));
    bar.end();
    if (hintsLeft > 0) {
      say(
        `${counted(hintsLeft, 'hint')} of them (jobs that tell a worker to look at a task) stay until a worker drops them.`,
      );
    }
    return {
      json: { queues, revoked },
      text: `Purged ${counted(revoked, 'task')} of ${queues.join(', ')}.`,
    };
  });
}
