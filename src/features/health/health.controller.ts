import { Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { Public } from '../auth/auth.decorators.js';
import { Readiness, type ReadinessReport } from './readiness.js';

const part = z.enum(['up', 'down']);
const liveSchema = z.strictObject({ status: z.literal('live') });
const readySchema = z.strictObject({
  status: z.enum(['ready', 'draining', 'unavailable']),
  database: part,
  queue: part.describe('The process is ready even when the queue is down.'),
  engine: part.describe(
    'A Stable Diffusion server answers. The process is ready even when none does.',
  ),
});

/** For orchestrators. Open to all: it says nothing that a stranger could use. */
@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(private readonly readiness: Readiness) {}

  @Public()
  @ApiOperation({ summary: 'Does the process answer?' })
  @Get('live')
  @Answers(200, liveSchema, 'The process answers.')
  live() {
    return { status: 'live' };
  }

  @Public()
  @ApiOperation({ summary: 'Can it take requests?' })
  @Get('ready')
  @Answers(200, readySchema, 'Send requests.')
  @Answers(503, readySchema, 'Send none.')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadinessReport> {
    const report = await this.readiness.report();
    void reply.status(report.status === 'ready' ? 200 : 503);
    return report;
  }
}
