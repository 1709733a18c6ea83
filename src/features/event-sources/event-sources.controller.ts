import { Body, Controller, Delete, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { KeepsJsonRaw } from '../../infrastructure/http/raw-json.decorator.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser, Needs, Public } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import { acceptedEvent, type AcceptedEvent } from '../events/events.dto.js';
import type { SignedHeaders } from '../webhooks/webhook-signature.js';
import {
  madeSource,
  newSource,
  rotatedSource,
  sourceList,
  type MadeSource,
  type NewSource,
  type RotatedSource,
  type SourceList,
} from './event-sources.dto.js';
import { EventSourcesService } from './event-sources.service.js';

@ApiTags('event sources')
@Controller('api/v1/event-sources')
export class EventSourcesController {
  constructor(private readonly sources: EventSourcesService) {}

  @ApiOperation({
    summary: 'Let another service send events for you',
    description: 'It signs them with the secret, as Standard Webhooks say, and needs no key.',
  })
  @Post()
  @Needs('account')
  @Answers(201, madeSource, 'The secret is in this answer and in no later one.')
  create(
    @Body({ schema: newSource }) request: NewSource,
    @CurrentUser() user: RequestUser,
  ): Promise<MadeSource> {
    return this.sources.create(user, request);
  }

  @ApiOperation({ summary: 'List the services that send events for you' })
  @Get()
  @Answers(200, sourceList)
  list(@CurrentUser() user: RequestUser): Promise<SourceList> {
    return this.sources.list(user);
  }

  @ApiOperation({ summary: 'Delete an event source', description: 'Its events stay.' })
  @Delete(':source_id')
  @HttpCode(204)
  @Needs('account')
  @ApiNoContentResponse({ description: 'What it sends is refused from now on.' })
  async delete(
    @Param('source_id', new IdPipe('event source')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<void> {
    await this.sources.delete(user, id);
  }

  @ApiOperation({
    summary: 'Replace the secret of an event source',
    description: 'For a day the one before is accepted as well.',
  })
  @Post(':source_id/rotate-secret')
  @HttpCode(200)
  @Needs('account')
  @Answers(200, rotatedSource, 'The secret is in this answer and in no later one.')
  rotate(
    @Param('source_id', new IdPipe('event source')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<RotatedSource> {
    return this.sources.rotate(user, id);
  }

  @ApiOperation({
    summary: 'Send a signed event, for services',
    description:
      'The body is `{"type", "data"}`. Its id is `webhook-id`: sent again, the event is stored once.',
  })
  @Post(':source_id/events')
  @HttpCode(202)
  @Public()
  @KeepsJsonRaw()
  @ApiHeader({ name: 'webhook-id', required: true })
  @ApiHeader({ name: 'webhook-timestamp', required: true })
  @ApiHeader({ name: 'webhook-signature', required: true })
  @ApiBody({
    schema: {
      type: 'object',
      required: ['type', 'data'],
      properties: { type: { type: 'string' }, data: { type: 'object' } },
      example: { type: 'generation_feedback', data: { rating: 5 } },
    },
  })
  @Answers(202, acceptedEvent, 'It is stored; its pipeline runs in the background.')
  accept(
    @Param('source_id', new IdPipe('event source')) id: string,
    @Req() request: FastifyRequest,
  ): Promise<AcceptedEvent> {
    const headers = request.headers as Partial<SignedHeaders>;
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    return this.sources.accept(id, { headers, body, correlationId: request.id });
  }
}
