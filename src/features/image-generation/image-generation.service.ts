import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import {
  inTransaction,
  retried,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/task-client.js';
import type { Payload } from '../../tasks/task-definition.js';
import { TaskEntity } from '../../tasks/task.entity.js';
import { TaskStatusService } from '../task-status/task-status.service.js';
import { taskStatusOf } from '../task-status/task-status.dto.js';
import type {
  GenerationAccepted,
  GenerationRequest,
  GenerationStatus,
} from './image-generation.dto.js';
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
  ) {}

  /** Stores the task; with a key, at most once. */
  async accept(
    user: Requester,
    request: GenerationRequest,
    call: { idempotencyKey?: string; correlationId?: string },
  ): Promise<GenerationAccepted> {
    const payload = payloadOf(request);
    const key = call.idempotencyKey;
    // Outside of what may run again: a commit whose answer was lost must not leave a second task.
    const id = uuidv7();
    if (key === undefined) {
      const send = () => this.send(this.database.manager, user, request, payload, { ...call, id });
      await retried(send);
      return accepted(id, payload.seed);
    }
    return inTransaction(this.database, async (tx) => {
      const taskId = await claimIdempotencyKey(tx, user.id, key, request, id);
      // On this very connection: waiting for a second one of the pool could deadlock.
      if (taskId !== id) return accepted(taskId, (await seedOf(tx, taskId)) ?? payload.seed);
      await this.send(tx, user, request, payload, { ...call, id });
      return accepted(id, payload.seed);
    });
  }

  /** @throws NotFoundError for unknown ids, other users' tasks and tasks of another kind alike */
  async find(taskId: string, user: Requester): Promise<GenerationStatus> {
    return generationStatusOf(await this.status.find(taskId, user, generateImageTask.name));
  }

  /** The status once it is final, or as it is after `seconds`, or when the client has hung up. */
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

/** Undefined when the task is forgotten already. */
async function seedOf(tx: Transaction, taskId: string): Promise<number | undefined> {
  const task = await tx.findOneBy(TaskEntity, { id: taskId });
  return (task?.payload as Payload<typeof generateImageTask> | undefined)?.seed;
}

function payloadOf(request: GenerationRequest): Payload<typeof generateImageTask> {
  const { priority, webhook_url, notify_email, expires_in, ...payload } = request;
  return { ...payload, seed: request.seed === -1 ? chosenSeed(request.batch_size) : request.seed };
}

function accepted(taskId: string, seed: number): GenerationAccepted {
  return {
    task_id: taskId,
    status: 'PENDING',
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
