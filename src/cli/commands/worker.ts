import { Option, type Command } from 'commander';
import type { WorkerOptions } from '../../worker-options.js';
import { QUEUE_NAMES } from '../../tasks/definitions/queues.js';
import { command } from '../command.js';
import { cliSettings } from '../connection.js';
import { integerValue, queuesValue } from '../values.js';

type Options = Omit<WorkerOptions, 'maxMemoryPerChildMb'> & {
  maxMemoryPerChild?: number;
  json?: boolean;
};

/** Celery's `worker`. */
export function workerCommand(program: Command): void {
  command(program, 'worker', {
    description: 'Run tasks until Ctrl-C or SIGTERM; running tasks then have time to end.',
    examples: [
      ['worker', 'all queues'],
      ['worker --queues high_priority --name gpu@%h --concurrency 2', 'one queue'],
      ['worker --pool processes --max-tasks-per-child 50', 'tasks in child processes'],
    ],
    notes:
      'A second Ctrl-C ends it at once; its tasks then go back to the queue when their lease is over.\nOptions that are not given come from the environment: WORKER_POOL, WORKER_CONCURRENCY and so on.',
    json: 'log JSON lines (as LOG_FORMAT=json)',
  })
    .option('--queues <names>', 'separated by commas, or all', queuesValue, [...QUEUE_NAMES])
    .option('--name <name>', 'unique; %h is the host (default: host:pid)')
    .option('--concurrency <n>', 'tasks at once on each queue (default: 2)', integerValue(1, 1000))
    .addOption(
      new Option('--pool <kind>', 'where tasks run (default: inline)').choices([
        'inline',
        'processes',
      ]),
    )
    .option(
      '--max-tasks-per-child <n>',
      'replace a child after so many tasks; 0: never',
      integerValue(0, 1_000_000),
    )
    .option(
      '--max-memory-per-child <megabytes>',
      'replace a child that has grown beyond',
      integerValue(1, 1_000_000),
    )
    .action(work);
}

async function work({ json, maxMemoryPerChild, ...options }: Options): Promise<void> {
  const settings = await cliSettings();
  const { runWorker } = await import('../../run-worker.js');
  await runWorker(
    { ...options, maxMemoryPerChildMb: maxMemoryPerChild },
    { ...settings, ...(json === true && { logFormat: 'json' as const }) },
  );
  // It ends with the process.
  await new Promise(() => {});
}
