import {
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  Res,
  type StreamableFile,
} from '@nestjs/common';
import {
  ApiConsumes,
  ApiBody,
  ApiHeader,
  ApiNoContentResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AcceptsPicture } from '../../infrastructure/http/accepts-picture.decorator.js';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { readPicture } from '../../infrastructure/http/picture-body.js';
import { sendContent } from '../../infrastructure/http/send-content.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import { StoredFiles } from '../stored-files/stored-files.js';
import { OwnFilesService } from './own-files.service.js';
import {
  shownUpload,
  shownUploadOf,
  uploadList,
  uploadListQuery,
  type ShownUpload,
  type UploadList,
  type UploadListQuery,
} from './uploads.dto.js';
import { UploadsService } from './uploads.service.js';

const picture = { schema: { type: 'string', format: 'binary' } };
const linked =
  'With `S3_PUBLIC_BASE_URL`: it is at `Location`, a link that works for five minutes.';

@ApiTags('uploads')
@Controller('api/v1')
export class UploadsController {
  constructor(
    private readonly uploads: UploadsService,
    private readonly own: OwnFilesService,
    private readonly files: StoredFiles,
  ) {}

  @ApiOperation({
    summary: 'Upload a picture',
    description:
      'The body is a PNG, JPEG or WebP, or a form with it as the part `file`. A new picture is made of its pixels, without metadata. Of an animation the first picture is kept.',
  })
  @Post('uploads')
  @AcceptsPicture()
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    schema: {
      type: 'object',
      required: ['file'],
      properties: { file: { type: 'string', format: 'binary' } },
      example: { file: 'picture.png' },
    },
  })
  @Answers(201, shownUpload, 'It is kept.')
  @Answers(200, shownUpload, 'You had it already. It expires later now.')
  async add(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @CurrentUser() user: RequestUser,
  ): Promise<ShownUpload> {
    const sender = { userId: user.id, correlationId: request.id };
    const added = await this.uploads.add(sender, (maxBytes) => readPicture(request, maxBytes));
    void reply.status(added.isNew ? 201 : 200);
    return shownUploadOf(added);
  }

  @ApiOperation({ summary: 'List your uploads' })
  @Get('uploads')
  @Answers(200, uploadList)
  async list(
    @Query({ schema: uploadListQuery }) { limit, cursor }: UploadListQuery,
    @CurrentUser() user: RequestUser,
  ): Promise<UploadList> {
    const found = await this.files.list('upload', user.id, { limit: limit + 1, before: cursor });
    const page = found.slice(0, limit);
    return {
      uploads: page.map(shownUploadOf),
      next_cursor: found.length > limit ? page.at(-1)!.id : null,
    };
  }

  @ApiOperation({ summary: 'One uploaded picture' })
  @Get('uploads/:upload_id')
  @ApiHeader({ name: 'If-None-Match', required: false })
  @ApiResponse({
    status: 200,
    description: 'The picture.',
    content: { 'image/png': picture, 'image/jpeg': picture, 'image/webp': picture },
  })
  @ApiResponse({ status: 302, description: linked })
  @ApiResponse({ status: 304, description: 'Not changed since the `If-None-Match` you sent.' })
  async read(
    @Param('upload_id', new IdPipe('upload')) id: string,
    @CurrentUser() user: RequestUser,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('If-None-Match') known?: string,
  ): Promise<StreamableFile | undefined> {
    return sendContent(await this.own.find('upload', id, user), reply, known);
  }

  @ApiOperation({ summary: 'Delete an uploaded picture' })
  @Delete('uploads/:upload_id')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'It is gone.' })
  async remove(
    @Param('upload_id', new IdPipe('upload')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<void> {
    await this.own.remove('upload', id, user);
  }
}
