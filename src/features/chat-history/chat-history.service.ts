import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotFoundError } from '../../common/app-error.js';
import { isStorable } from '../../common/storable-text.js';
import { inTransaction } from '../../infrastructure/database/transaction.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { ImageStore } from '../images/image-store.js';
import {
  chatListOf,
  messageListOf,
  type ChatList,
  type MessageList,
  type PageQuery,
} from './chat-history.dto.js';
import { ChatReader, type Chat } from './chat-reader.js';
import { ChatWriter } from './chat-writer.js';

/** What users do with their conversations, and admins with everybody's. */
@Injectable()
export class ChatHistoryService {
  constructor(
    private readonly database: DataSource,
    private readonly reader: ChatReader,
    private readonly writer: ChatWriter,
    private readonly images: ImageStore,
    private readonly audit: AuditLog,
  ) {}

  async list(user: RequestUser, { limit, cursor }: PageQuery): Promise<ChatList> {
    return chatListOf(await this.reader.list(user.id, limit, cursor), limit);
  }

  /** @throws NotFoundError */
  async messages(user: RequestUser, name: string, page: PageQuery): Promise<MessageList> {
    const { id, ownerId } = await this.find(user, name);
    if (ownerId !== user.id) this.audit.reads(user, { action: 'chat.read', target: id });
    const messages = await this.reader.messages(id, page.limit, page.cursor);
    const ids = messages.flatMap(({ imageIds }) => imageIds);
    return messageListOf(messages, await this.images.findOwn(ownerId, ids), page.limit);
  }

  /** @throws NotFoundError */
  async delete(user: RequestUser, name: string): Promise<void> {
    const { id, ownerId } = await this.find(user, name);
    if (ownerId !== user.id) {
      const detail = { owner_id: ownerId };
      await this.audit.changes(user, { action: 'chat.delete', target: id, detail });
    }
    await inTransaction(this.database, (tx) => this.writer.clear(tx, id));
  }

  /** @throws NotFoundError for unknown names and conversations of other users alike */
  private async find(user: RequestUser, name: string): Promise<Pick<Chat, 'id' | 'ownerId'>> {
    const chat = isStorable(name) ? await this.reader.find(user.id, name) : undefined;
    if (!chat || (chat.ownerId !== user.id && user.role !== 'admin')) {
      throw new NotFoundError('conversation');
    }
    return chat;
  }
}
