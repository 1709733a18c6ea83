import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { RequestUser } from '../auth/request-user.js';
import { CreditAccounts } from '../credits/credit-accounts.js';
import { CreditStatements } from '../credits/credit-statements.js';
import { TaskStatusService } from '../task-status/task-status.service.js';
import { WebhookUrls } from '../webhooks/webhook-urls.js';
import type {
  GenerationAccepted,
  GenerationRequest,
  GenerationStatus,
  Quote,
} from './image-generation.dto.js';
import { GenerationIntake } from './generation-intake.js';
import { generationStatusOf } from './generation-status.js';
import { cappedPriority } from './generation-priority.js';
import { GenerationStore } from './generation-store.js';
import { payloadOf } from './generation-payload.js';
import { generateImageTask } from './image-generation.tasks.js';

type Requester = Pick<RequestUser, 'id' | 'name' | 'role'>;

@Injectable()
export class ImageGenerationService {
  constructor(
    private readonly intake: GenerationIntake,
    private readonly store: GenerationStore,
    private readonly accounts: CreditAccounts,
    private readonly statements: CreditStatements,
    private readonly status: TaskStatusService,
    private readonly webhooks: WebhookUrls,
  ) {}

  /** Holds the price and stores the task, both or neither; with a key, at most once. @throws as {@link GenerationIntake.accept} */
  async accept(
    user: Requester,
    request: GenerationRequest,
    call: { idempotencyKey?: string; correlationId?: string },
  ): Promise<GenerationAccepted> {
    this.refuseWebhook(request);
    const { id, status, seed, priority } = await this.intake.accept({
      ...call,
      // Made here, outside of all that may be repeated: a commit whose answer was lost must not leave a second task.
      id: uuidv7(),
      userId: user.id,
      request,
      payload: payloadOf(request),
    });
    const status_url = `/api/v1/generation-status/${id}`;
    return { task_id: id, status, status_url, seed, priority };
  }

  /** What the request would cost; nothing is stored or held. @throws UnsupportedRequestError */
  async quote(user: Requester, request: GenerationRequest): Promise<Quote> {
    this.refuseWebhook(request);
    this.intake.refuseUnsupported(payloadOf(request));
    const account = await this.statements.account(user.id);
    const { images, perImage, total } = this.store.priceOf(request);
    return {
      price: total,
      price_per_image: perImage,
      images,
      balance: account.balance,
      affordable: account.balance >= total,
      priority: cappedPriority(request.priority, this.accounts.planOf(account).priority),
    };
  }

  /** @throws InvalidFieldsError */
  private refuseWebhook({ webhook_url: url }: GenerationRequest): void {
    if (url !== undefined) this.webhooks.check(url, 'webhook_url');
  }

  /** @throws NotFoundError for unknown ids, tasks of other users and tasks of another kind alike */
  async find(taskId: string, user: Requester): Promise<GenerationStatus> {
    return generationStatusOf(await this.status.find(taskId, user, generateImageTask.name));
  }

  /** Returns the status when it is final, after `timeoutMs`, or when the client has hung up. */
  async wait(
    taskId: string,
    user: Requester,
    timeoutMs: number,
    hungUp: AbortSignal,
  ): Promise<GenerationStatus> {
    const { name } = generateImageTask;
    const task = await this.status.wait(taskId, user, { timeoutMs, hungUp, name });
    return generationStatusOf(task);
  }
}
