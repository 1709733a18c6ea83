import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../infrastructure/database/transaction.js';
import type { TaskEntity } from '../../tasks/ledger/task.entity.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { saveChatHistoryTask } from '../chat-history/chat-history.tasks.js';
import { LowCredits } from '../credits/low-credits.js';
import { MailOutbox } from '../email/mail-outbox.js';
import { generationStatusOf } from '../image-generation/generation-status.js';
import type { GenerationPayload } from '../image-generation/image-generation.tasks.js';
import { LifecycleEvents } from '../user-lifecycle/lifecycle-events.js';
import { WebhookEvents } from '../webhooks/webhook-events.js';
import type { WebhookEventType } from '../webhooks/webhook-event.js';

const eventOf: Partial<Record<TaskEntity['state'], WebhookEventType>> = {
  SUCCESS: 'task.succeeded',
  FAILURE: 'task.failed',
  REVOKED: 'task.revoked',
};

/**
 * What follows the end of a generation: an entry in the chat history, a mail, webhooks. All of it is written in one
 * transaction, and each is a task of its own from there: a mail server that is away delays neither the picture nor the
 * other effects.
 */
@Injectable()
export class GenerationEffects {
  constructor(
    private readonly tasks: TaskClient,
    private readonly mails: MailOutbox,
    private readonly webhooks: WebhookEvents,
    private readonly lowCredits: LowCredits,
    private readonly lifecycle: LifecycleEvents,
  ) {}

  /** @param task has ended */
  async of(tx: Transaction, task: TaskEntity, ownerId: string): Promise<void> {
    const wishes = task.payload as GenerationPayload;
    await this.saveHistory(tx, task, ownerId, wishes);
    if (wishes.notify_email) await this.mail(tx, task, ownerId, wishes);
    await this.announce(tx, task, ownerId, wishes);
    await this.tellOfLowCredits(tx, ownerId);
  }

  private async saveHistory(
    tx: Transaction,
    { id, correlationId }: TaskEntity,
    ownerId: string,
    wishes: GenerationPayload,
  ): Promise<void> {
    if (wishes.chat_id === undefined && wishes.character_name === undefined) return;
    const options = { ownerId, ...(correlationId !== null && { correlationId }) };
    await this.tasks.send(tx, saveChatHistoryTask, { task_id: id }, options);
  }

  /** Nothing for a generation that its user has revoked. */
  private async mail(
    tx: Transaction,
    task: TaskEntity,
    userId: string,
    { prompt: whole, user_message: prompt = whole }: GenerationPayload,
  ): Promise<void> {
    const { id: key, error } = task;
    const { result } = generationStatusOf(task);
    if (error === null) {
      const image = result?.images[0];
      if (!image) return;
      const values = { image_id: image.image_id, prompt };
      await this.mails.add(tx, { template: 'picture_ready', userId, key, values });
    } else if (error.code !== 'revoked') {
      const values = { prompt, reason: error.message };
      await this.mails.add(tx, { template: 'picture_failed', userId, key, values });
    }
  }

  private async announce(
    tx: Transaction,
    task: TaskEntity,
    userId: string,
    { webhook_url: url }: GenerationPayload,
  ): Promise<void> {
    const type = eventOf[task.state];
    if (!type) return;
    await this.webhooks.announce(tx, {
      type,
      userId,
      key: `${task.id}:${type}`,
      data: generationStatusOf(task),
      url,
    });
  }

  private async tellOfLowCredits(tx: Transaction, userId: string): Promise<void> {
    const low = await this.lowCredits.toTell(tx, userId);
    if (low) await this.lifecycle.add(tx, userId, { kind: 'credits_low', ...low });
  }
}
