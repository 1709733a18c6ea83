import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  chatList,
  messageList,
  pageQuery,
  type ChatList,
  type MessageList,
  type PageQuery,
} from './chat-history.dto.js';
import { ChatHistoryService } from './chat-history.service.js';

const chatId = { name: 'chat_id', description: 'Your name of it, encoded for a URL, or its `id`.' };

@ApiTags('chats')
@Controller('api/v1/chats')
export class ChatHistoryController {
  constructor(private readonly chats: ChatHistoryService) {}

  @ApiOperation({ summary: 'List your conversations' })
  @Get()
  @Answers(200, chatList)
  list(
    @Query({ schema: pageQuery }) query: PageQuery,
    @CurrentUser() user: RequestUser,
  ): Promise<ChatList> {
    return this.chats.list(user, query);
  }

  @ApiOperation({ summary: 'Get the messages of a conversation, with their pictures' })
  @Get(':chat_id/messages')
  @ApiParam(chatId)
  @Answers(200, messageList)
  messages(
    @Param('chat_id') name: string,
    @Query({ schema: pageQuery }) query: PageQuery,
    @CurrentUser() user: RequestUser,
  ): Promise<MessageList> {
    return this.chats.messages(user, name, query);
  }

  @ApiOperation({
    summary: 'Delete a conversation',
    description: 'Its pictures stay. What was sent before and ends later is not saved.',
  })
  @Delete(':chat_id')
  @HttpCode(204)
  @ApiParam(chatId)
  @ApiNoContentResponse({ description: 'Its messages are gone.' })
  async remove(@Param('chat_id') name: string, @CurrentUser() user: RequestUser): Promise<void> {
    await this.chats.delete(user, name);
  }
}
