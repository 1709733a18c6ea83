import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { Json } from '../common/json.js';
import { afterCommit } from '../infrastructure/database/after-commit.js';
import type { Transaction } from '../infrastructure/database/transaction.js';
import { Dispatcher } from './dispatcher.js';
import { LiveEvents } from './events/live-events.js';
import type { QueueName } from './queues.js';
import type { PayloadInput, Result, TaskDefinition } from './task-definition.js';
import { TaskLedger } from './task-ledger.js';
import type { TaskResult } from './task-result.js';
import { TaskResults } from './task-results.js';

const maxPayloadBytes = 64 * 1024;

export interface SendOptions {
  /** A version 7 UUID made by the sender, who may repeat with it; one is made otherwise. */
  id?: string;
  /** Another queue than the definition's. */
  queue?: QueueName;
  /** 0 (first) … 9 (last). */
  priority?: number;
  /** Milliseconds to wait, counted by the database's clock. */
  delayMs?: number;
  /** Earliest moment to run. Not together with `delayMs`. */
  runAt?: Date;
  /** Milliseconds after which a task that has not started is REVOKED (`expired`). */
  expiresInMs?: number;
  ownerId?: string;
  correlationId?: string;
}

/** The payload does not fit its definition; nothing was stored. A mistake of the calling code. */
export class InvalidPayloadError extends Error {
  override readonly name = 'InvalidPayloadError';
}

/** The one way in: nobody else makes tasks. */
@Injectable()
export class TaskClient {
  constructor(
    private readonly ledger: TaskLedger,
    private readonly dispatcher: Dispatcher,
    private readonly results: TaskResults,
    private readonly live: LiveEvents,
  ) {}

  /** The handle of a task that was sent before: typed with its definition, unchecked without. */
  result<D extends TaskDefinition>(id: string, definition: D): TaskResult<Result<D>>;
  result(id: string): TaskResult;
  result(id: string, definition?: TaskDefinition): TaskResult {
    return definition ? this.results.of(id, definition) : this.results.of(id);
  }

  /**
   * Stores a task in the caller's transaction. It is handed to the queue when that commits, and
   * never existed when it rolls back. With a manager outside any transaction it is stored at once.
   *
   * @returns the handle of the task; its `id` is what to keep
   * @throws InvalidPayloadError before anything is stored
   */
  async send<D extends TaskDefinition>(
    tx: Transaction,
    definition: D,
    payload: PayloadInput<D>,
    options: SendOptions = {},
  ): Promise<TaskResult<Result<D>>> {
    const stored = checkedPayload(definition, payload);
    const { queue = definition.queue, priority = definition.priority } = options;
    checkOptions(options, priority);
    const id = options.id ?? uuidv7();
    await this.ledger.insert(tx, {
      id,
      name: definition.name,
      queue,
      priority,
      payload: stored,
      delayMs: options.delayMs ?? 0,
      runAt: options.runAt ?? null,
      expiresInMs: options.expiresInMs ?? null,
      ownerId: options.ownerId ?? null,
      correlationId: options.correlationId ?? null,
    });
    const delayMs = options.runAt ? options.runAt.getTime() - Date.now() : (options.delayMs ?? 0);
    afterCommit(tx, () => {
      const hint = { taskId: id, name: definition.name, queue, priority, delayMs };
      this.dispatcher.dispatch(hint);
      this.live.emit({ type: 'task-sent', ...hint });
    });
    return this.results.of(id, definition);
  }
}

function checkedPayload(definition: TaskDefinition, payload: unknown): Json {
  const parsed = definition.payload.safeParse(payload);
  if (!parsed.success) {
    throw new InvalidPayloadError(
      `Payload of task "${definition.name}": ${z.prettifyError(parsed.error)}`,
    );
  }
  const bytes = Buffer.byteLength(JSON.stringify(parsed.data) ?? '');
  if (bytes === 0 || bytes > maxPayloadBytes) {
    throw new InvalidPayloadError(
      `Payload of task "${definition.name}" has ${bytes} bytes of JSON; between 1 and ${maxPayloadBytes} fit.`,
    );
  }
  return parsed.data as Json;
}

function checkOptions(options: SendOptions, priority: number): void {
  if (!Number.isInteger(priority) || priority < 0 || priority > 9) {
    throw new RangeError(`priority is ${priority}; it goes from 0 (first) to 9 (last)`);
  }
  if (options.delayMs !== undefined && options.runAt !== undefined) {
    throw new RangeError('delayMs and runAt exclude each other');
  }
}
