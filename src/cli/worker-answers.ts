import type { Command } from 'commander';
import type { Answers } from '../tasks/control/worker-questions.js';
import type { Answer } from './command.js';
import { exitCodes } from './exit.js';
import { paint, printable } from './output.js';
import { durationValue, namesValue } from './values.js';

export interface AskFlags {
  timeout: number;
  destination?: string[];
}

/** The options of every command that asks workers. */
export function askOptions(command: Command): Command {
  return command
    .option('--timeout <duration>', 'longest wait for answers (default: 1s)', durationValue, 1_000)
    .option(
      '--destination <names>',
      'workers to ask, separated by commas (default: all)',
      namesValue,
    );
}

/** The answer of each worker, and the workers without an answer. Exit code 0 only if all have answered well. */
export function answerOfWorkers<T>(found: Answers<T>, textOf: (data: T) => string): Answer {
  const { replies, missing } = found;
  const parts = [
    ...replies.map((reply) =>
      reply.ok
        ? block(reply.worker, textOf(reply.data))
        : `${nameOf(reply.worker)}  ${paint('red', `error: ${printable(reply.error)}`)}`,
    ),
    ...missing.map((worker) => `${nameOf(worker)}  ${paint('red', 'no answer')}`),
  ];
  const good = replies.length > 0 && missing.length === 0 && replies.every((reply) => reply.ok);
  return {
    json: found,
    text: parts.length > 0 ? parts.join('\n') : 'No worker is alive.',
    exitCode: good ? exitCodes.ok : exitCodes.negative,
  };
}

function block(worker: string, text: string): string {
  if (!text.includes('\n')) return `${nameOf(worker)}  ${text}`;
  const lines = text.split('\n').map((line) => `  ${line}`.trimEnd());
  return [nameOf(worker), ...lines].join('\n');
}

function nameOf(worker: string): string {
  return paint('bold', printable(worker));
}
