import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post } from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser, Needs, Writes } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  defaultSecret,
  madeWebhook,
  newWebhook,
  rotatedSecret,
  webhook,
  webhookChanges,
  webhookList,
  webhookOf,
  type DefaultSecret,
  type MadeWebhook,
  type NewWebhook,
  type RotatedSecret,
  type Webhook,
  type WebhookChanges,
  type WebhookList,
} from './webhooks.dto.js';
import { WebhooksService } from './webhooks.service.js';

@ApiTags('webhooks')
@Controller('api/v1/webhooks')
export class WebhooksController {
  constructor(private readonly webhooks: WebhooksService) {}

  @ApiOperation({ summary: 'Make a webhook' })
  @Post()
  @Needs('account')
  @Answers(201, madeWebhook, 'The secret is in this answer and in no later one.')
  create(
    @Body({ schema: newWebhook }) request: NewWebhook,
    @CurrentUser() user: RequestUser,
  ): Promise<MadeWebhook> {
    return this.webhooks.create(user, request);
  }

  @ApiOperation({ summary: 'List your webhooks' })
  @Get()
  @Answers(200, webhookList)
  list(@CurrentUser() user: RequestUser): Promise<WebhookList> {
    return this.webhooks.list(user);
  }

  @ApiOperation({
    summary: 'Get the secret that signs what goes to the webhook_url of your generations',
  })
  @Get('secret')
  @Needs('account')
  @Writes()
  @Answers(200, defaultSecret)
  secret(@CurrentUser() user: RequestUser): Promise<DefaultSecret> {
    return this.webhooks.defaultSecret(user);
  }

  @ApiOperation({ summary: 'Replace the secret of your generations’ webhook_url' })
  @Post('rotate-secret')
  @HttpCode(200)
  @Needs('account')
  @Answers(200, rotatedSecret)
  rotateDefault(@CurrentUser() user: RequestUser): Promise<RotatedSecret> {
    return this.webhooks.rotateDefault(user);
  }

  @ApiOperation({ summary: 'Get a webhook' })
  @Get(':webhook_id')
  @Answers(200, webhook)
  async read(
    @Param('webhook_id', new IdPipe('webhook')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<Webhook> {
    return webhookOf(await this.webhooks.read(user, id));
  }

  @ApiOperation({
    summary: 'Change a webhook',
    description: 'Enabling it again ends the count of its failures.',
  })
  @Patch(':webhook_id')
  @Needs('account')
  @Answers(200, webhook)
  change(
    @Param('webhook_id', new IdPipe('webhook')) id: string,
    @Body({ schema: webhookChanges }) changes: WebhookChanges,
    @CurrentUser() user: RequestUser,
  ): Promise<Webhook> {
    return this.webhooks.change(user, id, changes);
  }

  @ApiOperation({
    summary: 'Delete a webhook',
    description: 'What was sent stays in the list of deliveries until its retention is over.',
  })
  @Delete(':webhook_id')
  @HttpCode(204)
  @Needs('account')
  @ApiNoContentResponse({ description: 'Nothing more is sent to it.' })
  async delete(
    @Param('webhook_id', new IdPipe('webhook')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<void> {
    await this.webhooks.delete(user, id);
  }

  @ApiOperation({
    summary: 'Replace the secret of a webhook',
    description: 'For a day the one before signs as well, so that no event is refused meanwhile.',
  })
  @Post(':webhook_id/rotate-secret')
  @HttpCode(200)
  @Needs('account')
  @Answers(200, rotatedSecret, 'The secret is in this answer and in no later one.')
  rotate(
    @Param('webhook_id', new IdPipe('webhook')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<RotatedSecret> {
    return this.webhooks.rotate(user, id);
  }
}
