import { Body, Controller, Get, Headers, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { hungUp } from '../../infrastructure/http/hang-up.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser, Needs } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import { isFinal } from '../../tasks/definitions/task-state.js';
import {
  generationAccepted,
  generationRequest,
  generationStatus,
  quote,
  type GenerationAccepted,
  type GenerationRequest,
  type GenerationStatus,
  type Quote,
} from './image-generation.dto.js';
import { ImageGenerationService } from './image-generation.service.js';
import { checkIdempotencyKey } from './idempotency.js';
import { preferredWait } from './prefer.js';

@ApiTags('image generation')
@Controller('api/v1')
export class ImageGenerationController {
  constructor(private readonly generations: ImageGenerationService) {}

  @ApiOperation({ summary: 'Make pictures from a prompt' })
  @Post('generate-image')
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'The same key with the same request, in any order of its fields, gets the same answer.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  })
  @ApiHeader({ name: 'Prefer', required: false, description: '`wait=N`, up to 60 seconds' })
  @Answers(202, generationAccepted, 'Accepted; `status_url` shows the progress.')
  @Answers(200, generationStatus, 'With `Prefer: wait=N`: the final status.')
  async generate(
    @Body({ schema: generationRequest }) request: GenerationRequest,
    @CurrentUser() user: RequestUser,
    @Req() http: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('Idempotency-Key') key?: string,
    @Headers('Prefer') prefer?: string,
  ): Promise<GenerationAccepted | GenerationStatus> {
    const idempotencyKey = checkIdempotencyKey(key);
    const accepted = await this.generations.accept(user, request, {
      correlationId: http.id,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    });
    void reply.status(202).header('location', accepted.status_url);
    const seconds = preferredWait(prefer);
    if (seconds === undefined) return accepted;
    void reply.header('preference-applied', `wait=${seconds}`);
    // RFC 7240: the client counts from when the request was received.
    const timeoutMs = Math.max(0, seconds * 1000 - reply.elapsedTime);
    const status = await this.generations.wait(accepted.task_id, user, timeoutMs, hungUp(reply));
    if (!isFinal(status.status)) return { ...accepted, status: status.status };
    void reply.status(200);
    return status;
  }

  @ApiOperation({
    summary: 'Get the price of pictures',
    description: 'Checks the request as if it were sent. Nothing is made, held or charged.',
  })
  @Post('generate-image/quote')
  @HttpCode(200)
  @Needs('read')
  @Answers(200, quote)
  quote(
    @Body({ schema: generationRequest }) request: GenerationRequest,
    @CurrentUser() user: RequestUser,
  ): Promise<Quote> {
    return this.generations.quote(user, request);
  }

  @ApiOperation({ summary: 'Get the state of a generation, and its pictures' })
  @Get('generation-status/:task_id')
  @Answers(200, generationStatus)
  status(
    @Param('task_id', new IdPipe('task')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<GenerationStatus> {
    return this.generations.find(id, user);
  }
}
