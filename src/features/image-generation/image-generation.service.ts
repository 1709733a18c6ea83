import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { inTransaction } from '../../infrastructure/database/transaction.js';
import { TaskEntity } from '../../tasks/ledger/task.entity.js';
import { Accounts } from '../credits/accounts.js';
import { CreditStatements } from '../credits/credit-statements.js';
import { TaskStatusService } from '../task-status/task-status.service.js';
import { taskStatusOf } from '../task-status/task-status.dto.js';
import { EnginePool } from './engine-pool.js';
import { engineRequest } from './engine-request.js';
import type {
  GenerationAccepted,
  GenerationRequest,
  GenerationStatus,
  Quote,
} from './image-generation.dto.js';
import { ForgottenTaskError, UnsupportedRequestError } from './image-generation.errors.js';
import { GenerationIntake, type StoredGeneration } from './generation-intake.js';
import { cappedPriority, priorityOf } from './generation-priority.js';
import { generateImageTask, type GenerationPayload } from './image-generation.tasks.js';
import { claimIdempotencyKey } from './idempotency.js';
import { chosenSeed } from './seed.js';

interface Requester {
  id: string;
  role: string;
}

@Injectable()
export class ImageGenerationService {
  constructor(
    private readonly database: DataSource,
    private readonly intake: GenerationIntake,
    private readonly accounts: Accounts,
    private readonly statements: CreditStatements,
    private readonly status: TaskStatusService,
    private readonly engines: EnginePool,
  ) {}

  /**
   * Holds the price and stores the task, both or neither; with a key, at most once.
   *
   * @throws UnsupportedRequestError, InsufficientCreditsError, QuotaExceededError; with a key also those of
   *   {@link claimIdempotencyKey} and ForgottenTaskError
   */
  async accept(
    user: Requester,
    request: GenerationRequest,
    call: { idempotencyKey?: string; correlationId?: string },
  ): Promise<GenerationAccepted> {
    const { idempotencyKey: key, ...rest } = call;
    // The id is made outside the part that may be retried: a commit whose answer was lost must not leave a second task.
    const wanted = { ...rest, id: uuidv7(), userId: user.id, request, payload: payloadOf(request) };
    if (key === undefined) {
      this.refuseUnsupported(wanted.payload);
      return accepted(await this.intake.accept(wanted));
    }
    return inTransaction(this.database, async (tx) => {
      const taskId = await claimIdempotencyKey(tx, user.id, key, request, wanted.id);
      // On the same connection: waiting for a second one from the pool could deadlock.
      if (taskId !== wanted.id) {
        return acceptedBefore(await tx.findOneBy(TaskEntity, { id: taskId }));
      }
      this.refuseUnsupported(wanted.payload);
      return accepted(await this.intake.acceptIn(tx, wanted));
    });
  }

  /** What the request would cost; nothing is stored or held. @throws UnsupportedRequestError */
  async quote(user: Requester, request: GenerationRequest): Promise<Quote> {
    this.refuseUnsupported(payloadOf(request));
    const account = await this.statements.account(user.id);
    const { images, perImage, total } = this.intake.priceOf(request);
    return {
      price: total,
      price_per_image: perImage,
      images,
      balance: account.balance,
      affordable: account.balance >= total,
      priority: cappedPriority(request.priority, this.accounts.planOf(account).priority),
    };
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
  private refuseUnsupported(payload: GenerationPayload): void {
    const problems = this.engines.unsupported(engineRequest(payload));
    if (problems.length > 0) throw new UnsupportedRequestError(problems);
  }
}

/** @throws ForgottenTaskError */
function acceptedBefore(task: TaskEntity | null): GenerationAccepted {
  if (!task) throw new ForgottenTaskError();
  const { seed } = task.payload as GenerationPayload;
  return accepted({ id: task.id, seed, priority: priorityOf(task.priority) }, task.state);
}

function payloadOf(request: GenerationRequest): GenerationPayload {
  const { priority, webhook_url, notify_email, expires_in, ...payload } = request;
  return { ...payload, seed: request.seed === -1 ? chosenSeed(request.batch_size) : request.seed };
}

function accepted(
  { id, seed, priority }: StoredGeneration,
  status: GenerationAccepted['status'] = 'PENDING',
): GenerationAccepted {
  return {
    task_id: id,
    status,
    status_url: `/api/v1/generation-status/${id}`,
    seed,
    priority,
  };
}

function generationStatusOf(task: TaskEntity): GenerationStatus {
  const { metadata } = task.payload as GenerationPayload;
  return {
    ...taskStatusOf(task),
    result: task.result as GenerationStatus['result'],
    metadata: metadata ?? null,
  };
}
