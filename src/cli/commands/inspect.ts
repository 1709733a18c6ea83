import type { Command } from 'commander';
import type { Answers, AskOptions } from '../../tasks/control/worker-questions.js';
import type { WorkerControl } from '../../tasks/control/worker-control.js';
import { answers, command, group, type Answer } from '../command.js';
import { withDarkroom } from '../connection.js';
import * as show from '../worker-texts.js';
import { askOptions, answerOfWorkers, type AskFlags } from '../worker-answers.js';

type Ask<T> = (inspect: WorkerControl['inspect'], options: AskOptions) => Promise<Answers<T>>;

interface Inspection {
  name: string;
  description: string;
  answer: (...asked: Parameters<Ask<unknown>>) => Promise<Answer>;
}

function inspection<T>(it: {
  name: string;
  description: string;
  ask: Ask<T>;
  text: (data: T) => string;
}): Inspection {
  const { name, description, ask, text } = it;
  return {
    name,
    description,
    answer: async (...asked) => answerOfWorkers(await ask(...asked), text),
  };
}

const inspections = [
  inspection({
    name: 'ping',
    description: 'Ask who is there.',
    ask: (inspect, options) => inspect.ping(options),
    text: () => 'pong',
  }),
  inspection({
    name: 'active',
    description: 'List what runs now.',
    ask: (inspect, options) => inspect.active(options),
    text: show.activeTasks,
  }),
  inspection({
    name: 'reserved',
    description:
      'List what was taken and has not started: a worker takes one at a time, so nothing.',
    ask: (inspect, options) => inspect.reserved(options),
    text: show.reservedTasks,
  }),
  inspection({
    name: 'scheduled',
    description: 'List what is due later, delayed or retrying, on the queues of each worker.',
    ask: (inspect, options) => inspect.scheduled(options),
    text: show.scheduledTasks,
  }),
  inspection({
    name: 'registered',
    description: 'List the tasks that each worker can run, with their limits.',
    ask: (inspect, options) => inspect.registered(options),
    text: show.registeredTasks,
  }),
  inspection({
    name: 'stats',
    description: 'Show counts, memory, processor time and pool.',
    ask: (inspect, options) => inspect.stats(options),
    text: show.statistics,
  }),
  inspection({
    name: 'revoked',
    description: 'List running tasks that somebody has asked to stop.',
    ask: (inspect, options) => inspect.revoked(options),
    text: show.revokedTasks,
  }),
  inspection({
    name: 'active_queues',
    description: 'List the queues that each worker serves.',
    ask: (inspect, options) => inspect.activeQueues(options),
    text: show.consumedQueues,
  }),
  inspection({
    name: 'conf',
    description: 'Show settings, without secrets.',
    ask: (inspect, options) => inspect.conf(options),
    text: show.record,
  }),
  inspection({
    name: 'report',
    description: 'Show versions and machine.',
    ask: (inspect, options) => inspect.report(options),
    text: (report) => show.record({ ...report }),
  }),
];

/** Celery's `inspect`. */
export function inspectCommands(program: Command): void {
  const inspect = group(program, 'inspect', 'Ask the workers that are alive.');
  for (const { name, description, answer } of inspections) {
    const added = command(inspect, name, {
      description,
      examples: [
        [`inspect ${name}`, 'all workers'],
        [`inspect ${name} --destination gpu@host1 --timeout 3s`, 'one of them'],
      ],
      notes: 'Exit code 1 when a worker did not answer in time, or there is none.',
    });
    askOptions(added).action(
      answers(({ timeout, destination }: AskFlags) =>
        withDarkroom(async (darkroom) => {
          const { WorkerControl } = await import('../../tasks/control/worker-control.js');
          const options = { timeoutMs: timeout, ...(destination && { destination }) };
          return answer(darkroom.get(WorkerControl).inspect, options);
        }),
      ),
    );
    if (name.includes('_')) added.alias(name.replaceAll('_', '-'));
  }
}
