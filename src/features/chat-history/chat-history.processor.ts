import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query, retried } from '../../infrastructure/database/transaction.js';
import { completeWith, type TaskContext } from '../../tasks/definitions/task-context.js';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import { PermanentTaskError, RetryableTaskError } from '../../tasks/definitions/task-errors.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { TaskEntity } from '../../tasks/ledger/task.entity.js';
import {
  generateImageTask,
  type GenerationPayload,
} from '../image-generation/image-generation.tasks.js';
import { saveChatHistoryTask, type CallersMessage } from './chat-history.tasks.js';
import { ChatWriter, type ChatKey, type NewMessage } from './chat-writer.js';

/**
 * Failure window: a worker dies after the message was committed, or two workers run the same task. Remedy: the message
 * is written in the transaction that ends the task, and its key is the task that it tells of.
 */
@Injectable()
export class ChatHistoryProcessor {
  constructor(
    private readonly database: DataSource,
    private readonly chats: ChatWriter,
  ) {}

  @HandlesTask(saveChatHistoryTask)
  async save(payload: Payload<typeof saveChatHistoryTask>, { taskId, ownerId }: TaskContext) {
    if ('task_id' in payload) return this.saveGeneration(payload.task_id);
    const userId = payload.user_id ?? ownerId;
    if (userId === null) {
      throw new PermanentTaskError('no_user', 'Neither the message nor the task names a user.');
    }
    const task = await this.find(taskId);
    return this.saveOnce(keyOf(userId, payload), {
      taskId,
      createdAt: task!.createdAt,
      userMessage: payload.user_message,
      botResponse: payload.bot_response ?? null,
      imageIds: payload.image_ids,
      status: 'SUCCESS',
      errorCode: null,
    });
  }

  private async saveGeneration(id: string) {
    const task = await this.find(id);
    if (task?.name !== generateImageTask.name || task.ownerId === null) return null;
    const asked = task.payload as GenerationPayload;
    if (asked.chat_id === undefined && asked.character_name === undefined) return null;
    if (task.finishedAt === null) {
      throw new RetryableTaskError('not_over', 'The generation is not over yet.');
    }
    return this.saveOnce(keyOf(task.ownerId, asked), {
      taskId: id,
      createdAt: task.createdAt,
      userMessage: asked.user_message ?? asked.prompt,
      botResponse: null,
      imageIds: await this.imagesOf(id),
      status: task.state,
      errorCode: task.error?.code ?? null,
    });
  }

  private saveOnce(key: ChatKey, message: NewMessage) {
    return completeWith((tx) => this.chats.save(tx, key, message));
  }

  private async find(id: string): Promise<TaskEntity | null> {
    return retried(() => this.database.manager.findOneBy(TaskEntity, { id }));
  }

  private async imagesOf(taskId: string): Promise<string[]> {
    const sql = `SELECT id FROM generated_images WHERE task_id = $1 ORDER BY index`;
    return (await query<{ id: string }>(this.database, sql, [taskId])).map(({ id }) => id);
  }
}

function keyOf(
  ownerId: string,
  { chat_id, character_name }: Pick<CallersMessage, 'chat_id' | 'character_name'>,
): ChatKey {
  return { ownerId, chatId: chat_id ?? null, characterName: character_name ?? null };
}
