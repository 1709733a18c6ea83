import type { z } from 'zod';
import type { Json } from '../../common/json.js';
import type { Transaction } from '../../infrastructure/database/transaction.js';
import type { Completion } from '../../tasks/definitions/task-context.js';
import type { TaskDefinition } from '../../tasks/definitions/task-definition.js';
import type { TaskFailure } from '../../tasks/definitions/task-errors.js';

/** The event of a run, without its data: nodes get that as an input. */
export interface RunEvent {
  readonly id: string;
  readonly type: string;
  /** The user that the event belongs to; null: nobody. */
  readonly ownerId: string | null;
  readonly createdAt: Date;
}

/** What a node knows about the run that it is part of. */
export interface NodeContext {
  /** Id of the run, which is that of its `process_incoming_event` task. */
  readonly runId: string;
  readonly event: RunEvent;
  readonly correlationId: string | null;
  /** The same for every attempt of this node in this run: an idempotency key for outside calls. */
  readonly key: string;
  /** 1 for the first attempt of the node. */
  readonly attempt: number;
  /** Outputs of the nodes that are done, by name: what the run has found out so far. */
  readonly outputs: Readonly<Record<string, Json>>;
  /** Aborted when the node's time is over, and when the worker stops the task. Pass it to every outside call. */
  readonly signal: AbortSignal;
}

/**
 * A step of a pipeline: a Nest provider. Its output is stored, so the step does not run again after that. It may run
 * twice before, when its worker dies: rows are written with `completeWith`, whose function runs in the transaction that
 * stores the output, and outside calls carry `context.key`.
 *
 * Errors decide as in handlers of tasks: a `PermanentTaskError` ends the node at once, `Snooze` and `RetryLater` say when
 * it runs again, and anything else is tried again as the node's retry policy says.
 */
export abstract class PipelineNode<
  I extends z.ZodObject = z.ZodObject,
  O extends z.ZodType = z.ZodType,
> {
  abstract readonly input: I;
  /** JSON. */
  abstract readonly output: O;
  abstract run(
    input: z.output<I>,
    context: NodeContext,
  ): Promise<z.input<O> | Completion<z.input<O>>>;
}

/** A step that chooses which of its branches goes on. */
export abstract class RouterNode<I extends z.ZodObject = z.ZodObject, R extends string = string> {
  abstract readonly input: I;
  abstract readonly routes: readonly R[];
  abstract route(input: z.output<I>, context: NodeContext): Promise<R>;
}

/** How the task of a {@link TaskNode} is to be sent. */
export interface AwaitedSending {
  id: string;
  waiterId: string;
  ownerId?: string;
  correlationId?: string;
}

/** A step that sends a task and waits for its end, for which it needs no worker. Its output is the result of the task. */
export abstract class TaskNode<I extends z.ZodObject = z.ZodObject> {
  abstract readonly input: I;
  abstract readonly task: TaskDefinition;
  /**
   * Sends a task of this definition in `tx`, with the id and all else of `sending`. It may run more than once, and does
   * nothing except write through `tx`.
   */
  abstract send(
    tx: Transaction,
    input: z.output<I>,
    sending: AwaitedSending,
    context: NodeContext,
  ): Promise<void>;
}

export type AnyNode = PipelineNode | RouterNode | TaskNode;

/** Why a node failed. */
export type NodeFailure = Pick<TaskFailure, 'code' | 'message'>;
