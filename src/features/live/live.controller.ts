import { Controller, Get, Headers, Param, Query, Req, Res } from '@nestjs/common';
import {
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { AuditLog } from '../audit/audit-log.js';
import { ForbiddenError } from '../auth/auth-errors.js';
import { credentialOf } from '../auth/credential.js';
import type { HistoryScope } from '../../tasks/history/task-history.js';
import { EventStream } from './event-stream.js';
import type { Visitor } from './heartbeats.js';
import { streamExample, streamQuery, type StreamQuery } from './live.dto.js';
import { LiveLimits } from './live-limits.js';
import { LiveService } from './live.service.js';

const lastEventId = {
  name: 'Last-Event-ID',
  required: false,
  description: 'The `id` of the last event that you have had: you get what came after it.',
};
const stream = {
  description: 'Server-sent events, until the end that the summary names.',
  content: { 'text/event-stream': { schema: { type: 'string' as const }, example: streamExample } },
};

@ApiTags('tasks')
@Controller('api/v1/tasks')
export class LiveController {
  constructor(
    private readonly live: LiveService,
    private readonly limits: LiveLimits,
    private readonly audit: AuditLog,
  ) {}

  @ApiOperation({
    summary: 'Follow your tasks',
    description:
      'Server-sent events `accepted`, `started`, `progress`, `uploaded`, `succeeded`, `failed`, `retrying` and `revoked` of all your tasks, from now on.',
  })
  @ApiHeader(lastEventId)
  @ApiOkResponse(stream)
  @Get('stream')
  async all(
    @Query({ schema: streamQuery }) { owner }: StreamQuery,
    @Headers('last-event-id') lastId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const visitor = visitorOf(request);
    const scope = this.scopeOf(visitor, owner);
    if (request.method === 'HEAD') return answerHead(reply);
    await this.live.followAll(scope, visitor, lastId, new EventStream(reply, this.limits.drainMs));
  }

  @ApiOperation({
    summary: 'Follow a task',
    description:
      'Server-sent events of its whole life so far, and then of what happens, until its end: `succeeded`, `failed` or `revoked`; for a picture that was made, `uploaded`.',
  })
  @ApiHeader(lastEventId)
  @ApiOkResponse(stream)
  @ApiNoContentResponse({ description: 'You have had the last event. A browser stops here.' })
  @Get(':task_id/events')
  async task(
    @Param('task_id', new IdPipe('task')) id: string,
    @Headers('last-event-id') lastId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const visitor = visitorOf(request);
    if (request.method === 'HEAD') {
      await this.live.refuseForeign(id, visitor);
      return answerHead(reply);
    }
    const out = new EventStream(reply, this.limits.drainMs);
    const told = await this.live.followTask(id, visitor, lastId, out);
    if (!told) await reply.status(204).send();
  }

  /** @throws ForbiddenError */
  private scopeOf({ user }: Visitor, owner = user.id): HistoryScope {
    if (owner !== user.id) {
      if (user.role !== 'admin') throw new ForbiddenError();
      this.audit.reads(user, { action: 'tasks.stream', target: owner });
    }
    return owner === 'all' ? { kind: 'all' } : { kind: 'owner', id: owner };
  }
}

function visitorOf(request: FastifyRequest): Visitor {
  return { user: request.user!, credential: credentialOf(request) };
}

function answerHead(reply: FastifyReply): void {
  void reply.header('content-type', 'text/event-stream; charset=utf-8').send();
}
