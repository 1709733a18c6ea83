import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Answers, AskOptions } from '../../tasks/control/worker-questions.js';
import type { WorkerControl } from '../../tasks/control/worker-control.js';
import type { QueueName } from '../../tasks/definitions/queues.js';
import type { Revoked, RevokeOptions } from '../../tasks/ending/task-revocations.js';
import { answers, command, group, type Answer } from '../command.js';
import { withDarkroom } from '../connection.js';
import { definitionOf } from '../definitions.js';
import { usageError } from '../exit.js';
import { table } from '../output.js';
import * as show from '../worker-texts.js';
import { answerOfWorkers, askOptions, type AskFlags } from '../worker-answers.js';
import { durationValue, idsValue, integerValue, queueValue } from '../values.js';

const acknowledged =
  'Each worker acknowledges; exit code 1 when one did not in time, or there is none.';

/** Celery's `control`. */
export function controlCommands(program: Command): void {
  const control = group(program, 'control', 'Change workers while they run, and stop tasks.');
  for (const [name, what] of [
    ['pool_grow', 'more'],
    ['pool_shrink', 'fewer'],
  ] as const) {
    const pool = command(control, name, {
      description: `Run so many ${what} tasks at once, until the worker ends.`,
      examples: [[`control ${name} 2 --queue high_priority`, 'on one queue of every worker']],
      notes: acknowledged,
    })
      .alias(name.replace('_', '-'))
      .argument('<n>', `how many ${what}`, integerValue(1, 1000))
      .option('--queue <name>', 'default: every queue of the worker', queueValue);
    const verb = name === 'pool_grow' ? 'poolGrow' : 'poolShrink';
    asking(
      pool,
      (on, ask, n: number, { queue }: { queue?: QueueName }) =>
        on[verb](n, { ...ask, ...(queue && { queue }) }),
      show.consumedQueues,
    );
  }
  for (const [name, what] of [
    ['add_consumer', 'Take tasks from a queue too'],
    ['cancel_consumer', 'Take no more tasks from a queue; running ones go on'],
  ] as const) {
    const consumer = command(control, name, {
      description: `${what}, until the worker ends.`,
      examples: [[`control ${name} low_priority --destination gpu@host1`, 'one worker']],
      notes: acknowledged,
    })
      .alias(name.replace('_', '-'))
      .argument('<queue>', 'name of the queue', queueValue);
    const verb = name === 'add_consumer' ? 'addConsumer' : 'cancelConsumer';
    asking(consumer, (on, ask, queue: QueueName) => on[verb](queue, ask), show.consumedQueues);
  }
  const rate = command(control, 'rate_limit', {
    description:
      'Limit how often a task starts, by all workers together. Kept for later workers too.',
    examples: [
      ['control rate_limit generate_image_task 10/m', 'ten starts a minute'],
      ['control rate_limit generate_image_task none', "the definition's own again"],
    ],
    notes: acknowledged,
  })
    .alias('rate-limit')
    .argument('<task>', 'name of the task')
    .argument('<rate>', '10/s, 10/m, 10/h, or none');
  asking(
    rate,
    async (on, ask, task: string, value: string) => {
      await definitionOf(task);
      return on.rateLimit(task, value, ask);
    },
    show.limits,
  );
  const time = command(control, 'time_limit', {
    description:
      'Change the time limits of a task, from the next attempt on. Kept for later workers too.',
    examples: [
      ['control time_limit generate_image_task --soft 5m --hard 6m', 'both'],
      ['control time_limit generate_image_task --reset', "the definition's own again"],
    ],
    notes: acknowledged,
  })
    .alias('time-limit')
    .argument('<task>', 'name of the task')
    .option('--soft <duration>', "when its signal fires (default: the definition's)", durationValue)
    .option('--hard <duration>', "when it is FAILURE (default: the definition's)", durationValue)
    .option('--reset', "back to the definition's");
  asking(
    time,
    async (on, ask, task: string, { soft, hard, reset }: TimeFlags) => {
      if ((soft ?? hard) === undefined && !reset)
        throw usageError('Say --soft, --hard or --reset.');
      await definitionOf(task);
      return on.timeLimit(task, { softMs: soft ?? null, hardMs: hard ?? null }, ask);
    },
    show.limits,
  );
  const shutdown = command(control, 'shutdown', {
    description: 'End workers as SIGTERM does: running tasks have time to end.',
    examples: [['control shutdown --destination gpu@host1', 'one worker']],
    notes: acknowledged,
  });
  asking(
    shutdown,
    (on, ask) => on.shutdown(ask),
    () => 'stopping',
  );
  stopCommands(control);
}

interface TimeFlags {
  soft?: number;
  hard?: number;
  reset?: boolean;
}

/** Its action: `ask` with the arguments of the command line. */
function asking<T>(
  command: Command,
  ask: (on: WorkerControl['control'], options: AskOptions, ...args: never[]) => Promise<Answers<T>>,
  textOf: (data: T) => string,
): void {
  askOptions(command).action(
    answers((...args: never[]) => {
      const { timeout, destination } = command.opts<AskFlags>();
      const options = { timeoutMs: timeout, ...(destination && { destination }) };
      return withDarkroom(async (darkroom) => {
        const { WorkerControl } = await import('../../tasks/control/worker-control.js');
        const found = await ask(darkroom.get(WorkerControl).control, options, ...args);
        return answerOfWorkers(found, textOf);
      });
    }),
  );
}

interface StopFlags {
  terminate?: boolean;
  signal?: RevokeOptions['signal'];
  grace?: number;
}

function stopCommands(control: Command): void {
  const about =
    'A canvas is a chain, a group or a chord of tasks. Exit code 1 when there is no such task.';
  const ids = (added: Command) => added.argument('<id...>', 'ids of tasks or canvases', idsValue);
  ids(
    command(control, 'revoke', {
      description: 'Stop tasks for good, or what is left of a canvas.',
      examples: [
        ['control revoke 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54', 'waiting or running'],
        ['control revoke 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54 --terminate --grace 5s', 'by force'],
      ],
      notes: about,
    }),
  )
    .option('--terminate', 'kill the child process of one that does not stop (--pool processes)')
    .addOption(signalOption('with that signal (default: SIGTERM)'))
    .option('--grace <duration>', 'after so long (default: 2s)', durationValue)
    .action(answers((which: string[], flags: StopFlags) => revoke(which, flags)));
  ids(
    command(control, 'terminate', {
      description: 'The same by force at once: revoke --terminate --grace 0s --signal SIGKILL.',
      examples: [['control terminate 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54', 'without a grace']],
      notes: about,
    }),
  )
    .addOption(signalOption('another signal than SIGKILL'))
    .action(
      answers((which: string[], { signal = 'SIGKILL' }: StopFlags) =>
        revoke(which, { terminate: true, signal, grace: 0 }),
      ),
    );
}

function signalOption(description: string): Option {
  const signals = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGKILL'];
  return new Option('--signal <name>', description).argParser((text: string) => {
    const name = text.toUpperCase().replace(/^(?!SIG)/, 'SIG');
    if (signals.includes(name)) return name;
    throw new InvalidArgumentError(`Signals: ${signals.join(', ')}.`);
  });
}

async function revoke(ids: string[], { terminate, signal, grace }: StopFlags): Promise<Answer> {
  const options: RevokeOptions = {
    ...(terminate !== undefined && { terminate }),
    ...(signal !== undefined && { signal }),
    ...(grace !== undefined && { graceMs: grace }),
  };
  return withDarkroom(async (darkroom) => {
    const { TaskClient } = await import('../../tasks/sending/task-client.js');
    const revoked = await darkroom.get(TaskClient).revoke(ids, options);
    return {
      json: revoked.map(({ id, outcome, state }) => ({ task_id: id, outcome, state })),
      text: table(
        ['TASK', 'OUTCOME', 'STATE'],
        revoked.map(({ id, outcome, state }) => [id, outcomes[outcome], state]),
      ),
      exitCode: revoked.some(({ outcome }) => outcome === 'unknown') ? 1 : 0,
    };
  });
}

const outcomes: Record<Revoked['outcome'], string> = {
  revoked: 'revoked',
  stopping: 'its worker is stopping it',
  finished: 'was over already',
  unknown: 'no such task',
};
