import type { Command } from 'commander';
import { QUEUE_NAMES, type QueueName } from '../../tasks/queues.js';
import { command } from '../command.js';
import { cliSettings } from '../connection.js';
import { integerValue, queuesValue } from '../values.js';

interface Options {
  queues: QueueName[];
  name?: string;
  concurrency?: number;
  json?: boolean;
}

/** Celery's `worker`. */
export function workerCommand(program: Command): void {
  command(program, 'worker', {
    description: 'Run tasks until Ctrl-C or SIGTERM; running ones then have time to end.',
    examples: [
      ['worker', 'all queues'],
      ['worker --queues high_priority --name gpu@%h --concurrency 2', 'one queue'],
    ],
    json: 'log JSON lines (as LOG_FORMAT=json)',
  })
    .option('--queues <names>', 'separated by commas, or all', queuesValue, [...QUEUE_NAMES])
    .option('--name <name>', '%h is the host (default: host:pid)')
    .option('--concurrency <n>', 'tasks at once on each queue', integerValue(1, 1000))
    .action(work);
}

async function work({ json, ...options }: Options): Promise<void> {
  const settings = await cliSettings();
  const { runWorker } = await import('../../run-worker.js');
  await runWorker(options, { ...settings, ...(json === true && { logFormat: 'json' as const }) });
  // It ends with the process.
  await new Promise(() => {});
}
