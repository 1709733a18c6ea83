import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import {
  inTransaction,
  retried,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import { TaskEntity } from '../../tasks/ledger/task.entity.js';
import { TaskStatusService } from '../task-status/task-status.service.js';
import { taskStatusOf } from '../task-status/task-status.dto.js';
import { EnginePool } from './engine-pool.js';
import { engineRequest } from './engine-request.js';
import type {
  GenerationAccepted,
  GenerationRequest,
  GenerationStatus,
} from './image-generation.dto.js';
import { ForgottenTaskError, UnsupportedRequestError } from './image-generation.errors.js';
import { generateImageTask } from './image-generation.tasks.js';
import { claimIdempotencyKey } from './idempotency.js';
import { chosenSeed } from './seed.js';

/** 0 runs first, 9 last. */
const priorities = { high: 2, normal: 5, low: 8 } as const;

interface Requester {
  id: string;
  role: string;
}

@Injectable()
export class ImageGenerationService {
  constructor(
    private readonly database: DataSource,
    private readonly tasks: TaskClient,
    private readonly status: TaskStatusService,
    private readonly engines: EnginePool,
  ) {}

  /** Stores the task; with a key, at most once. */
  async accept(
    user: Requester,
    request: GenerationRequest,
    call: { idempotencyKey?: string; correlationId?: string },
  ): Promise<GenerationAccepted> {
    const payload = payloadOf(request);
    const key = call.idempotencyKey;
    // Outside the part that may be retried: a commit whose answer was lost must not leave a second task.
    const id = uuidv7();
    if (key === undefined) {
      this.refuseUnsupported(payload);
      const send = () => this.send(this.database.manager, user, request, payload, { ...call, id });
      await retried(send);
      return accepted(id, payload.seed);
    }
    return inTransaction(this.database, async (tx) => {
      const taskId = await claimIdempotencyKey(tx, user.id, key, request, id);
      // On the same connection: waiting for a second one from the pool could deadlock.
      if (taskId !== id) return acceptedBefore(await tx.findOneBy(TaskEntity, { id: taskId }));
      this.refuseUnsupported(payload);
      await this.send(tx, user, request, payload, { ...call, id });
      return accepted(id, payload.seed);
    });
  }

  /** @throws NotFoundError for unknown ids, tasks of other users and tasks of another kind alike */
  async find(taskId: string, user: Requester): Promise<GenerationStatus> {
    return generationStatusOf(await this.status.find(taskId, user, generateImageTask.name));
  }

  /** Returns the status when it is final, after `seconds`, or when the client has hung up. */
  async wait(
    taskId: string,
    user: Requester,
    seconds: number,
    hungUp: AbortSignal,
  ): Promise<GenerationStatus> {
    const { name } = generateImageTask;
    const task = await this.status.wait(taskId, user, { timeoutMs: seconds * 1000, hungUp, name });
    return generationStatusOf(task);
  }

  /** Checks against what is already known: it asks no engine and waits for none. @throws UnsupportedRequestError */
  private refuseUnsupported(payload: Payload<typeof generateImageTask>): void {
    const problems = this.engines.unsupported(engineRequest(payload));
    if (problems.length > 0) throw new UnsupportedRequestError(problems);
  }

  private async send(
    tx: Transaction,
    user: Requester,
    request: GenerationRequest,
    payload: Payload<typeof generateImageTask>,
    call: { correlationId?: string; id: string },
  ): Promise<void> {
    await this.tasks.send(tx, generateImageTask, payload, {
      id: call.id,
      ...(call.correlationId !== undefined && { correlationId: call.correlationId }),
      ...(request.expires_in !== undefined && { expiresInMs: request.expires_in * 1000 }),
      priority: priorities[request.priority],
      ownerId: user.id,
    });
  }
}

/** @throws ForgottenTaskError */
function acceptedBefore(task: TaskEntity | null): GenerationAccepted {
  if (!task) throw new ForgottenTaskError();
  return accepted(task.id, (task.payload as Payload<typeof generateImageTask>).seed, task.state);
}

function payloadOf(request: GenerationRequest): Payload<typeof generateImageTask> {
  const { priority, webhook_url, notify_email, expires_in, ...payload } = request;
  return { ...payload, seed: request.seed === -1 ? chosenSeed(request.batch_size) : request.seed };
}

function accepted(
  taskId: string,
  seed: number,
  status: GenerationAccepted['status'] = 'PENDING',
): GenerationAccepted {
  return {
    task_id: taskId,
    status,
    status_url: `/api/v1/generation-status/${taskId}`,
    seed,
  };
}

function generationStatusOf(task: TaskEntity): GenerationStatus {
  const { metadata } = task.payload as Payload<typeof generateImageTask>;
  return {
    ...taskStatusOf(task),
    result: task.result as GenerationStatus['result'],
    metadata: metadata ?? null,
  };
}
