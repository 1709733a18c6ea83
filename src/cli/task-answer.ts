import { isFinal } from '../tasks/definitions/task-state.js';
import type { TaskEntity } from '../tasks/ledger/task.entity.js';
import type { Answer } from './command.js';
import { CliError, exitCodes } from './exit.js';
import { duration, list, moment } from './output.js';

/** Longest timer that Node knows. */
export const neverMs = Infinity;

/**
 * The state of a task: exit code 0 unless it is FAILURE or REVOKED.
 *
 * @param waitedMs how long the command has waited for it
 * @throws CliError (124) when the command has waited and the task is not over
 */
export function answerOf(task: TaskEntity, waitedMs?: number): Answer {
  if (waitedMs !== undefined && !isFinal(task.state)) {
    throw new CliError(
      `Task ${task.id} is not over after ${duration(waitedMs)} (${task.state}). It goes on.`,
      exitCodes.timeout,
    );
  }
  const bad = task.state === 'FAILURE' || task.state === 'REVOKED';
  return { json: jsonOf(task), text: textOf(task), exitCode: bad ? exitCodes.negative : 0 };
}

function jsonOf(task: TaskEntity): Record<string, unknown> {
  return {
    task_id: task.id,
    name: task.name,
    kind: task.kind,
    state: task.state,
    queue: task.queue,
    priority: task.priority,
    result: task.result ?? null,
    error: task.error,
    progress: task.progress,
    forgotten: task.forgotten,
    attempt: task.attempt,
    retries: task.retries,
    crashes: task.crashes,
    worker: task.worker,
    canvas_id: task.canvasId,
    created_at: task.createdAt,
    run_at: task.runAt,
    started_at: task.startedAt,
    finished_at: task.finishedAt,
  };
}

function textOf(task: TaskEntity): string {
  const { error, progress, startedAt, finishedAt } = task;
  return list([
    ['Task', task.id],
    ['Name', task.name],
    ['State', task.state],
    ['Queue', `${task.queue}, priority ${task.priority}`],
    ['Attempts', attemptsOf(task)],
    ['Sent', moment(task.createdAt)],
    ['Due', isFinal(task.state) || task.state === 'STARTED' ? null : moment(task.runAt)],
    ['Started', moment(startedAt)],
    ['Ended', moment(finishedAt)],
    ['Took', startedAt && finishedAt ? duration(finishedAt.getTime() - startedAt.getTime()) : null],
    ['Worker', task.worker],
    ['Progress', progress ? `${progress.percent} %` : null],
    ['Error', error ? `${error.message} (${error.code})` : null],
    ['Result', resultOf(task)],
  ]);
}

function attemptsOf({ attempt, retries, crashes }: TaskEntity): string {
  return `${attempt}${retries > 0 ? `, ${retries} of them retries` : ''}${crashes > 0 ? `, ${crashes} died with their worker` : ''}`;
}

function resultOf({ state, result, forgotten }: TaskEntity): string | null {
  if (forgotten) return 'forgotten or expired';
  return state === 'SUCCESS' ? JSON.stringify(result ?? null) : null;
}
