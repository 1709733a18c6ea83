import type { Command } from 'commander';
import type { HintQueue, QueueEngine } from '../../infrastructure/queue/queue-engine.js';
import { QUEUE_NAMES, taskPriority, type QueueName } from '../../tasks/definitions/queues.js';
import { answers, command, group, type Answer } from '../command.js';
import { cliSettings } from '../connection.js';
import { list, moment, table } from '../output.js';
import { integerValue, queueValue } from '../values.js';

/** States of a hint that a worker may still take, the next one first. */
const liveStates = ['active', 'waiting', 'prioritized', 'delayed'] as const;

/** Celery's `amqp`: a small console on the queue engine. */
export function brokerCommands(program: Command): void {
  const broker = group(program, 'broker', 'Look into the queue engine (BullMQ), below the tasks.');
  command(broker, 'ping', {
    description: 'Ask the queue engine for an answer, and measure it.',
    examples: [['broker ping', 'exit code 3 when it does not answer']],
  }).action(answers(ping));
  command(broker, 'queues', {
    description: 'List the queues of the engine, and how many workers are connected to each.',
    examples: [['broker queues', 'all of them']],
  }).action(answers(queues));
  command(broker, 'counts', {
    description: 'Count the hints in each state.',
    examples: [['broker counts', 'all queues']],
    notes:
      'A hint tells a worker which task to look at. The numbers may differ from "darkroom queues list":\nlost hints are put back from the database, and those of finished tasks are dropped.',
  }).action(answers(counts));
  command(broker, 'peek <queue>', {
    description: 'Show the next hints of a queue without taking them.',
    examples: [['broker peek high_priority -n 20', 'the next twenty']],
    notes: 'A hint tells a worker which task to look at.',
  })
    .option('-n, --number <n>', 'how many', integerValue(1, 1000), 10)
    .action(answers(peek));
}

async function withEngine<T>(work: (engine: QueueEngine) => Promise<T>): Promise<T> {
  const { databaseUrl, queueUrl } = await cliSettings();
  const { openEngine } = await import('../stores.js');
  const engine = await openEngine(queueUrl ?? databaseUrl);
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

async function withQueue<T>(
  engine: QueueEngine,
  name: QueueName,
  work: (queue: HintQueue) => Promise<T>,
): Promise<T> {
  const { hintQueueOptions } = await import('../../tasks/definitions/queues.js');
  const { StoreQueue } = await import('../../infrastructure/queue/store-queue.js');
  const queue = new StoreQueue(name, { ...engine.options, ...hintQueueOptions });
  queue.on('error', () => {});
  try {
    await queue.waitUntilReady();
    return await work(queue);
  } finally {
    await queue.close();
  }
}

async function ofEach<T>(ask: (queue: HintQueue) => Promise<T>): Promise<[QueueName, T][]> {
  return withEngine(async (engine) => {
    const found: [QueueName, T][] = [];
    for (const name of QUEUE_NAMES) found.push([name, await withQueue(engine, name, ask)]);
    return found;
  });
}

async function ping(): Promise<Answer> {
  return withEngine(async (engine) => {
    const { pingQueue } = await import('../stores.js');
    const ms = Math.round((await pingQueue(engine)) * 10) / 10;
    return {
      json: { engine: engine.name, address: engine.address, ms },
      text: list([
        ['Engine', engine.name],
        ['Address', engine.address],
        ['Answered in', `${ms} ms`],
      ]),
    };
  });
}

async function queues(): Promise<Answer> {
  const found = await ofEach(async (queue) => ({
    workers: await queue.getWorkersCount(),
    paused: await queue.isPaused(),
  }));
  return {
    json: found.map(([queue, about]) => ({ queue, ...about })),
    text: table(
      ['QUEUE', 'WORKERS', 'PAUSED'],
      found.map(([queue, { workers, paused }]) => [queue, workers, paused ? 'yes' : 'no']),
    ),
  };
}

async function counts(): Promise<Answer> {
  const found = await ofEach(async (queue) => {
    const {
      waiting = 0,
      prioritized = 0,
      ...others
    } = await queue.getJobCounts(...liveStates, 'completed', 'failed');
    // One state to us: every hint has a priority, and only a few code paths of BullMQ drop it.
    const { active = 0, delayed = 0, completed = 0, failed = 0 } = others;
    return { active, waiting: waiting + prioritized, delayed, completed, failed };
  });
  return {
    json: found.map(([queue, about]) => ({ queue, ...about })),
    text: table(
      ['QUEUE', 'ACTIVE', 'WAITING', 'DELAYED', 'COMPLETED', 'FAILED'],
      found.map(([queue, c]) => [queue, c.active, c.waiting, c.delayed, c.completed, c.failed]),
    ),
  };
}

async function peek(name: string, { number }: { number: number }): Promise<Answer> {
  const queue = queueValue(name);
  const hints = await withEngine((engine) =>
    withQueue(engine, queue, async (bull) => {
      const found = [];
      for (const state of liveStates) {
        const left = number - found.length;
        if (left <= 0) break;
        const jobs = await bull.getJobs([state], 0, left - 1, true);
        for (const job of jobs.filter(Boolean)) {
          found.push({
            task_id: job.data.taskId,
            name: job.name,
            state: state === 'prioritized' ? ('waiting' as const) : state,
            priority: taskPriority(job.priority),
            added_at: new Date(job.timestamp).toISOString(),
          });
        }
      }
      return found;
    }),
  );
  return {
    json: hints,
    text: table(
      ['TASK', 'NAME', 'STATE', 'PRIORITY', 'ADDED'],
      hints.map((hint) => [
        hint.task_id,
        hint.name,
        hint.state,
        hint.priority,
        moment(hint.added_at),
      ]),
      `Nothing is in ${queue}.`,
    ),
  };
}
