import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser, Needs } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  keyList,
  madeKey,
  newKeyRequest,
  type KeyList,
  type MadeKey,
  type NewKeyRequest,
} from './keys.dto.js';
import { KeysService } from './keys.service.js';

@ApiTags('keys')
@Controller('api/v1/keys')
export class KeysController {
  constructor(private readonly keys: KeysService) {}

  @ApiOperation({ summary: 'Make an API key' })
  @Post()
  @Needs('account')
  @Answers(201, madeKey, 'The key is in this answer and nowhere else.')
  create(
    @Body({ schema: newKeyRequest }) request: NewKeyRequest,
    @CurrentUser() user: RequestUser,
  ): Promise<MadeKey> {
    return this.keys.create(user, request);
  }

  @ApiOperation({ summary: 'List your API keys' })
  @Get()
  @Needs('account')
  @Answers(200, keyList)
  list(@CurrentUser() user: RequestUser): Promise<KeyList> {
    return this.keys.list(user);
  }

  @ApiOperation({
    summary: 'Revoke an API key',
    description: 'It stops working with the next request, and your browser sessions end.',
  })
  @Delete(':key_id')
  @HttpCode(204)
  @Needs('account')
  @ApiNoContentResponse({ description: 'It is revoked.' })
  async revoke(
    @Param('key_id', new IdPipe('key')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<void> {
    await this.keys.revoke(user, id);
  }
}
