import { Controller, Get, Headers, Param, Res, type StreamableFile } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { sendContent } from '../../infrastructure/http/send-content.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import { OwnFilesService } from './own-files.service.js';

const binary = { schema: { type: 'string', format: 'binary' } };

@ApiTags('uploads')
@Controller('api/v1/files')
export class FilesController {
  constructor(private readonly own: OwnFilesService) {}

  @ApiOperation({ summary: 'One file that a task has made for you' })
  @Get(':file_id')
  @ApiHeader({ name: 'If-None-Match', required: false })
  @ApiResponse({
    status: 200,
    description: 'The file, to be saved.',
    content: { 'application/octet-stream': binary },
  })
  @ApiResponse({
    status: 302,
    description:
      'With `S3_PUBLIC_BASE_URL`: it is at `Location`, a link that works for five minutes.',
  })
  @ApiResponse({ status: 304, description: 'Not changed since the `If-None-Match` you sent.' })
  async read(
    @Param('file_id', new IdPipe('file')) id: string,
    @CurrentUser() user: RequestUser,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('If-None-Match') known?: string,
  ): Promise<StreamableFile | undefined> {
    const content = await this.own.find('file', id, user);
    // A handler may have made a page of it, which must not run as one of ours.
    void reply.header('content-disposition', 'attachment');
    return sendContent(content, reply, known);
  }
}
