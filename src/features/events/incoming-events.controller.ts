import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { BodyLimit } from '../../infrastructure/http/body-limit.decorator.js';
import { CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  acceptedEvent,
  acceptedEvents,
  newEvent,
  newEvents,
  type AcceptedEvent,
  type AcceptedEvents,
  type NewEvent,
  type NewEvents,
} from './events.dto.js';
import { EventsService } from './events.service.js';

/** A thousand events of four kilobytes. */
const batchBytes = 4 * 1024 * 1024;

/** The original's path, and the same below ours. */
@ApiTags('events')
@Controller(['api/v1/events', 'events'])
export class IncomingEventsController {
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
}
