import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { BodyLimit } from '../../infrastructure/http/body-limit.decorator.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  acceptedEvent,
  acceptedEvents,
  eventList,
  listQuery,
  newEvent,
  newEvents,
  reprocessAnswer,
  reprocessRequest,
  shownEvent,
  type AcceptedEvent,
  type AcceptedEvents,
  type EventList,
  type ListQuery,
  type NewEvent,
  type NewEvents,
  type ReprocessAnswer,
  type ReprocessRequest,
  type ShownEvent,
} from './events.dto.js';
import { EventsService } from './events.service.js';

/** A thousand events of four kilobytes. */
const batchBytes = 4 * 1024 * 1024;

@ApiTags('events')
@Controller(['api/v1/events', 'events'])
export class EventsController {
  constructor(private readonly events: EventsService) {}

  @ApiOperation({
    summary: 'Send an event',
    description:
      'It is stored, and its pipeline runs in the background. `GET /api/v1/events/{event_id}` shows how far it is.',
  })
  @Post()
  @HttpCode(202)
  @Answers(202, acceptedEvent, 'It is stored; its pipeline runs in the background.')
  accept(
    @Body({ schema: newEvent }) event: NewEvent,
    @CurrentUser() user: RequestUser,
    @Req() request: FastifyRequest,
  ): Promise<AcceptedEvent> {
    return this.events.accept(user, event, request.id);
  }

  @ApiOperation({ summary: 'Send many events', description: 'All of them are stored, or none.' })
  @Post('batch')
  @HttpCode(202)
  @BodyLimit(batchBytes)
  @Answers(202, acceptedEvents, 'They are stored; their pipelines run in the background.')
  acceptAll(
    @Body({ schema: newEvents }) events: NewEvents,
    @CurrentUser() user: RequestUser,
    @Req() request: FastifyRequest,
  ): Promise<AcceptedEvents> {
    return this.events.acceptAll(user, events, request.id);
  }

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
