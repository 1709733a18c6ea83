import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  acceptedEvent,
  eventList,
  listQuery,
  reprocessAnswer,
  reprocessRequest,
  shownEvent,
  type AcceptedEvent,
  type EventList,
  type ListQuery,
  type ReprocessAnswer,
  type ReprocessRequest,
  type ShownEvent,
} from './events.dto.js';
import { EventsService } from './events.service.js';

@ApiTags('events')
@Controller('api/v1/events')
export class EventsController {
  constructor(private readonly events: EventsService) {}

  @ApiOperation({ summary: 'List your events' })
  @Get()
  @Answers(200, eventList)
  list(
    @Query({ schema: listQuery }) query: ListQuery,
    @CurrentUser() user: RequestUser,
  ): Promise<EventList> {
    return this.events.list(user, query);
  }

  @ApiOperation({
    summary: 'Run the pipelines of many of your events again',
    description: 'Those that have failed, unless you ask for others.',
  })
  @Post('reprocess')
  @HttpCode(202)
  @Answers(202, reprocessAnswer)
  reprocessMany(
    @Body({ schema: reprocessRequest }) request: ReprocessRequest,
    @CurrentUser() user: RequestUser,
    @Req() http: FastifyRequest,
  ): Promise<ReprocessAnswer> {
    return this.events.reprocessMany(user, request, http.id);
  }

  @ApiOperation({ summary: 'Get an event, and what the nodes of its pipeline have done' })
  @Get(':event_id')
  @Answers(200, shownEvent)
  read(
    @Param('event_id', new IdPipe('event')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<ShownEvent> {
    return this.events.read(user, id);
  }

  @ApiOperation({
    summary: 'Run the pipeline of an event again',
    description: 'From its first node. What earlier runs have found out stays to be read.',
  })
  @Post(':event_id/reprocess')
  @HttpCode(202)
  @Answers(202, acceptedEvent)
  reprocess(
    @Param('event_id', new IdPipe('event')) id: string,
    @CurrentUser() user: RequestUser,
    @Req() request: FastifyRequest,
  ): Promise<AcceptedEvent> {
    return this.events.reprocess(user, id, request.id);
  }
}
