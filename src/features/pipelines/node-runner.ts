import { Injectable, Logger } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { AppError } from '../../common/app-error.js';
import { deadline, within } from '../../common/deadline.js';
import { isError } from '../../common/is-error.js';
import type { Json } from '../../common/json.js';
import { messageOf } from '../../common/message-of.js';
import { Completion, type TaskContext } from '../../tasks/definitions/task-context.js';
import { retryDelayMs } from '../../tasks/definitions/retry-policy.js';
import {
  PermanentTaskError,
  RetryableTaskError,
  RetryLater,
  Snooze,
  TaskError,
} from '../../tasks/definitions/task-errors.js';
import { whyUnstorable } from '../../tasks/definitions/storable-json.js';
import type { IncomingEvent } from './incoming-events.js';
import { inputsOf } from './next-nodes.js';
import { NodeRows, type NodeWrite } from './node-rows.js';
import type { NodeState, NodeStates } from './node-states.js';
import type { NodeSpec } from './pipeline-graph.js';
import type { AnyNode, NodeContext, PipelineNode, TaskNode } from './pipeline-node.js';
import { outputOf, PipelineNodes } from './pipeline-nodes.js';

/** A run of a pipeline, as the nodes that begin now see it. */
export interface RunView {
  event: IncomingEvent;
  /** Data of the event, as its schema has read it. */
  data: Json;
  states: NodeStates;
  outputs: Record<string, Json>;
}

/** Characters of JSON: outputs are read with every look at the run. */
const maxOutput = 64 * 1024;

/** Makes one attempt of one node, and writes how it ended. */
@Injectable()
export class NodeRunner {
  private readonly log = new Logger('Pipelines');

  constructor(
    private readonly nodes: PipelineNodes,
    private readonly rows: NodeRows,
  ) {}

  /** @throws the reason of the task's signal once that is aborted; LeaseLost; UnavailableError */
  async run(spec: NodeSpec, run: RunView, task: TaskContext): Promise<NodeState> {
    const failures = run.states.get(spec.name)?.failures ?? 0;
    const startedAt = new Date();
    const end = deadline(spec.timeoutMs, task.signal);
    const context: NodeContext = {
      runId: task.taskId,
      event: run.event,
      correlationId: task.correlationId,
      key: `${task.taskId}:${spec.name}`,
      attempt: failures + 1,
      outputs: run.outputs,
      signal: end.signal,
    };
    const write = { node: spec.name, failures, startedAt };
    try {
      return await this.attempt(spec, run, task, context, write);
    } catch (error) {
      task.signal.throwIfAborted();
      // What a node throws once its time is over is of no interest.
      const cause = end.signal.aborted ? timeout() : error;
      return await this.failed(spec, task, cause, write);
    } finally {
      end.clear();
    }
  }

  /** What became of the task of a node that has waited for it. @param ended undefined: it was deleted */
  async received(
    spec: NodeSpec,
    task: TaskContext,
    known: NodeState,
    ended: AwaitedEnd | undefined,
  ): Promise<NodeState> {
    const write = { node: spec.name, failures: known.failures, startedAt: new Date() };
    try {
      if (ended?.state !== 'SUCCESS') throw failureOfTask(ended);
      const output = parsed(outputOf(this.nodes.of(spec)), ended.result);
      return await this.rows.write(task, { ...write, state: 'DONE', output });
    } catch (error) {
      return this.failed(spec, task, error, write);
    }
  }

  private async attempt(
    spec: NodeSpec,
    run: RunView,
    task: TaskContext,
    context: NodeContext,
    write: Omit<NodeWrite, 'state'>,
  ): Promise<NodeState> {
    const node = this.nodes.of(spec);
    const input = readable(node.input, inputsOf(spec, run.states, run.data));
    if ('task' in node) return this.send(node, input, task, context, write);
    const answer = await within(spec.timeoutMs, work(node, input, context), timeout, task.signal);
    const done = (value: unknown): NodeWrite => {
      return { ...write, state: 'DONE', output: parsed(outputOf(node), value) };
    };
    if (!(answer instanceof Completion)) return this.rows.write(task, done(answer));
    return this.rows.writeWith(task, spec.name, async (tx) => done(await answer.write(tx)));
  }

  private async send(
    node: TaskNode,
    input: Record<string, unknown>,
    task: TaskContext,
    context: NodeContext,
    write: Omit<NodeWrite, 'state'>,
  ): Promise<NodeState> {
    // Made outside of what may be repeated: a commit whose answer was lost must not leave a second task.
    const id = uuidv7();
    const { ownerId } = context.event;
    const sending = {
      id,
      waiterId: task.taskId,
      ...(ownerId !== null && { ownerId }),
      ...(task.correlationId !== null && { correlationId: task.correlationId }),
    };
    return this.rows.writeWith(task, write.node, async (tx) => {
      await node.send(tx, input, sending, context);
      return { ...write, state: 'WAITING', taskId: id };
    });
  }

  private async failed(
    spec: NodeSpec,
    task: TaskContext,
    error: unknown,
    write: Omit<NodeWrite, 'state'>,
  ): Promise<NodeState> {
    if (error instanceof AppError && error.code === 'unavailable') throw error;
    const failure = failureOf(error);
    const at = `${task.taskId}, node ${spec.name}`;
    if (error instanceof Snooze) {
      const retry = { error: failure, retryInMs: error.delayMs };
      return this.rows.write(task, { ...write, state: 'RETRY', ...retry });
    }
    const failures = write.failures + 1;
    const stack = failure.code === 'node_error' && isError(error) ? error.stack : undefined;
    if (!isRetryable(error) || failures > spec.retry.max) {
      this.log.warn(`${at}: ${failure.code}: ${messageOf(error)}`, stack);
      return this.rows.write(task, { ...write, failures, state: 'FAILED', error: failure });
    }
    const retryInMs =
      error instanceof RetryLater ? error.delayMs : retryDelayMs(spec.retry, failures);
    this.log.warn(
      `${at}: ${failure.code}: ${messageOf(error)} (again in ${retryInMs / 1_000} s)`,
      stack,
    );
    return this.rows.write(task, { ...write, failures, state: 'RETRY', error: failure, retryInMs });
  }
}

/** How a task ended that a node has waited for. */
export interface AwaitedEnd {
  id: string;
  state: string;
  result: Json;
  error: { code: string; message: string } | null;
}

function timeout(): RetryableTaskError {
  return new RetryableTaskError('node_timeout', 'It did not end in time.');
}

function work(
  node: Exclude<AnyNode, TaskNode>,
  input: Record<string, unknown>,
  context: NodeContext,
): ReturnType<PipelineNode['run']> {
  return 'routes' in node ? node.route(input, context) : node.run(input, context);
}

function failureOfTask(ended: AwaitedEnd | undefined): TaskError {
  if (!ended) return new PermanentTaskError('task_deleted', 'Its task was deleted.');
  const { code, message } = ended.error ?? { code: 'revoked', message: 'Its task was revoked.' };
  // Another task may succeed; a node that wants that has retries.
  return ended.state === 'FAILURE'
    ? new RetryableTaskError(code, message)
    : new PermanentTaskError(code, message);
}

/** Inputs come from other nodes, whose outputs may have come from another release. @throws PermanentTaskError */
function readable(schema: z.ZodObject, value: unknown): Record<string, unknown> {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new PermanentTaskError(
    'invalid_input',
    `Its input is wrong: ${z.prettifyError(read.error)}`,
  );
}

/** @throws PermanentTaskError */
function parsed(schema: z.ZodType, value: unknown): Json {
  const why = whyUnstorable(value);
  if (why !== undefined) throw new PermanentTaskError('invalid_output', `Its output ${why}.`);
  const read = schema.safeParse(value ?? null);
  if (!read.success) {
    const reasons = z.prettifyError(read.error);
    throw new PermanentTaskError('invalid_output', `Its output is wrong: ${reasons}`);
  }
  if (JSON.stringify(read.data).length > maxOutput) {
    throw new PermanentTaskError(
      'output_too_large',
      `Its output has more than ${maxOutput} characters. Store it elsewhere, and give its id.`,
    );
  }
  return read.data as Json;
}

function isRetryable(error: unknown): boolean {
  if (error instanceof TaskError) return error.retryable;
  if (error instanceof AppError) return error.status === 429 || error.status === 503;
  return true;
}

function failureOf(error: unknown): { code: string; message: string } {
  if (error instanceof TaskError || error instanceof AppError) {
    return { code: error.code, message: error.message };
  }
  return { code: 'node_error', message: 'The node failed unexpectedly. The log has the details.' };
}
