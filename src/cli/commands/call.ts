import type { Command } from 'commander';
import type { QueueName } from '../../tasks/definitions/queues.js';
import type { TaskDefinition } from '../../tasks/definitions/task-definition.js';
import { answers, command, type Answer } from '../command.js';
import { withDarkroom, type Darkroom } from '../connection.js';
import { definitionOf } from '../definitions.js';
import { CliError, usageError } from '../exit.js';
import { answerOf, neverMs } from '../task-answer.js';
import {
  durationValue,
  integerValue,
  jsonValue,
  listValue,
  momentValue,
  queueValue,
} from '../values.js';

interface Options {
  payload?: unknown;
  args?: unknown[];
  owner?: string;
  queue?: QueueName;
  priority?: number;
  delay?: number;
  runAt?: Date;
  expires?: number;
  wait?: number | true;
}

/** Celery's `call`: sends one task. */
export function callCommand(program: Command): void {
  command(program, 'call <name> [payload]', {
    description: 'Send a task. Its payload is checked before anything is stored.',
    examples: [
      [`call generate_image_task --payload '{"prompt":"a lighthouse"}' --owner admin`, 'a picture'],
      [`call add_numbers --args '[2,3]' --wait 10s`, 'send, and print the result'],
      [
        `call upload_to_cloud_task --payload '{"image_id":"…"}' --delay 10m`,
        'run it in ten minutes',
      ],
    ],
    notes:
      'Prints the id of the task; with --wait, how it ended: exit code 0 for SUCCESS, 1 for FAILURE and\nREVOKED, 124 when it is not over in time.',
  })
    .option('--payload <json>', 'payload of the task (default: null)', jsonValue)
    .option('--args <json>', 'instead of a payload: its fields as a list', listValue)
    .option('--owner <user>', 'whose task it is: the name or the id of a user')
    .option('--queue <name>', "another queue than the task's own", queueValue)
    .option('--priority <0-9>', '0 is first, 9 last', integerValue(0, 9))
    .option('--delay <duration>', 'wait so long before it may run: 10s, 5m, 1h', durationValue)
    .option('--run-at <moment>', 'earliest moment to run: 2026-12-24T18:00:00Z', momentValue)
    .option('--expires <duration>', 'give up when it has not started by then', durationValue)
    .option('--wait [duration]', 'wait for the end, at most so long', durationValue)
    .action(answers(call));
}

async function call(name: string, given: string | undefined, options: Options): Promise<Answer> {
  if (options.delay !== undefined && options.runAt !== undefined) {
    throw usageError('--delay and --run-at exclude each other.');
  }
  const definition = await definitionOf(name);
  const payload = await payloadOf(definition, given, options);
  if (definition.needsOwner && options.owner === undefined) {
    throw usageError(`A task "${name}" belongs to a user: say whose with --owner <name>.`);
  }
  return withDarkroom(async (darkroom) => {
    const id = await send(darkroom, definition, payload, options);
    if (options.wait === undefined) return { json: { task_id: id }, text: id };
    const { TaskResults } = await import('../../tasks/results/task-results.js');
    const timeoutMs = options.wait === true ? neverMs : options.wait;
    return answerOf(await darkroom.get(TaskResults).end(id, timeoutMs), timeoutMs);
  });
}

async function send(
  darkroom: Darkroom,
  definition: TaskDefinition,
  payload: unknown,
  { owner, queue, priority, delay, runAt, expires }: Options,
): Promise<string> {
  const { DataSource } = await import('typeorm');
  const { TaskClient } = await import('../../tasks/sending/task-client.js');
  const { manager } = darkroom.get(DataSource);
  const ownerId = owner === undefined ? undefined : await ownerIdOf(darkroom, owner);
  const sent = await darkroom.get(TaskClient).send(manager, definition, payload, {
    ...(ownerId !== undefined && { ownerId }),
    ...(queue !== undefined && { queue }),
    ...(priority !== undefined && { priority }),
    ...(delay !== undefined && { delayMs: delay }),
    ...(runAt !== undefined && { runAt }),
    ...(expires !== undefined && { expiresInMs: expires }),
  });
  return sent.id;
}

/** @throws CliError when it is given twice, or the task has no list of arguments */
async function payloadOf(
  definition: TaskDefinition,
  given: string | undefined,
  { payload, args }: Options,
): Promise<unknown> {
  const ways = [given, payload, args].filter((one) => one !== undefined);
  if (ways.length > 1) throw usageError('Give the payload once: as it is, --payload or --args.');
  if (args !== undefined) {
    const { payloadOfArgs } = await import('../../tasks/definitions/task-payload.js');
    return payloadOfArgs(definition, args);
  }
  return given === undefined ? (payload ?? null) : jsonArgument(given);
}

/** @throws CliError */
function jsonArgument(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usageError(`The payload is not JSON: ${(error as Error).message}.`);
  }
}

async function ownerIdOf(darkroom: Darkroom, owner: string): Promise<string> {
  const { AuthService } = await import('../../features/auth/auth.service.js');
  const user = await darkroom.get(AuthService).userOf(owner);
  if (user) return user.id;
  throw new CliError(
    `There is no user "${owner}": "darkroom keys create --user --name <name>" makes one.`,
  );
}
