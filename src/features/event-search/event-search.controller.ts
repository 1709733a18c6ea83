import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  eventsFound,
  searchQuery,
  type EventsFound,
  type SearchQuery,
} from './event-search.dto.js';
import { EventSearch } from './event-search.service.js';

@ApiTags('events')
@Controller(['api/v1/events/search', 'events/search'])
export class EventSearchController {
  constructor(private readonly search: EventSearch) {}

  @ApiOperation({
    summary: 'Search your events',
    description:
      'An event is found once its pipeline has run. Elasticsearch is a second or two behind.',
  })
  @Get()
  @Answers(200, eventsFound)
  find(
    @Query({ schema: searchQuery }) query: SearchQuery,
    @CurrentUser() user: RequestUser,
  ): Promise<EventsFound> {
    return this.search.find(user.id, query);
  }
}
