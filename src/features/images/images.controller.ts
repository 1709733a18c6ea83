import { Controller, Get, Headers, Param, Query, Res, type StreamableFile } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { sendContent } from '../../infrastructure/http/send-content.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import { ImagesService } from './images.service.js';

const picture = { schema: { type: 'string', format: 'binary' } };
const imageQuery = z.strictObject({ size: z.enum(['full', 'thumbnail']).default('full') });

@ApiTags('images')
@Controller('api/v1/images')
export class ImagesController {
  constructor(private readonly images: ImagesService) {}

  @ApiOperation({ summary: 'One picture, or its thumbnail' })
  @Get(':image_id')
  @ApiHeader({ name: 'If-None-Match', required: false })
  @ApiResponse({
    status: 200,
    description: 'The picture, or its WebP thumbnail.',
    content: { 'image/png': picture, 'image/jpeg': picture, 'image/webp': picture },
  })
  @ApiResponse({
    status: 302,
    description:
      'With `S3_PUBLIC_BASE_URL`: the picture is at `Location`, a link that works for five minutes.',
  })
  @ApiResponse({ status: 304, description: 'Not changed since the `If-None-Match` you sent.' })
  async read(
    @Param('image_id', new IdPipe('image')) id: string,
    @Query({ schema: imageQuery }) { size }: z.output<typeof imageQuery>,
    @CurrentUser() user: RequestUser,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('If-None-Match') known?: string,
  ): Promise<StreamableFile | undefined> {
    return sendContent(await this.images.find(id, size, user), reply, known);
  }
}
