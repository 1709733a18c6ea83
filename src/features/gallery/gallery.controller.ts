import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Req,
  StreamableFile,
} from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser, Needs } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import { GallerySearch } from './gallery-search.js';
import {
  downloadRequest,
  gallery,
  galleryOf,
  galleryQuery,
  type DownloadRequest,
  type Gallery,
  type GalleryQuery,
} from './gallery.dto.js';
import { GalleryService } from './gallery.service.js';
import { ImageArchive } from './image-archive.js';

@ApiTags('images')
@Controller('api/v1/images')
export class GalleryController {
  constructor(
    private readonly search: GallerySearch,
    private readonly gallery: GalleryService,
    private readonly archive: ImageArchive,
  ) {}

  @ApiOperation({ summary: 'List and search your pictures' })
  @Get()
  @Answers(200, gallery)
  async list(
    @Query({ schema: galleryQuery }) query: GalleryQuery,
    @CurrentUser() user: RequestUser,
  ): Promise<Gallery> {
    return galleryOf(await this.search.find(user.id, query), query.limit);
  }

  @ApiOperation({
    summary: 'Download pictures of yours as a zip file',
    description: 'If the connection breaks, the file is not complete.',
  })
  @Post('download')
  @HttpCode(200)
  @Needs('read')
  @ApiResponse({
    status: 200,
    description: 'A zip file with one file for each picture.',
    content: { 'application/zip': { schema: { type: 'string', format: 'binary' } } },
  })
  async download(
    @Body({ schema: downloadRequest }) { image_ids }: DownloadRequest,
    @CurrentUser() user: RequestUser,
  ): Promise<StreamableFile> {
    const { stream, bytes } = await this.archive.open(user.id, image_ids);
    const disposition = 'attachment; filename="pictures.zip"';
    return new StreamableFile(stream, { type: 'application/zip', length: bytes, disposition });
  }

  @ApiOperation({ summary: 'Make a picture a favourite, which is kept whatever its age' })
  @Put(':image_id/favourite')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'It is one, as it may have been before.' })
  async addFavourite(
    @Param('image_id', new IdPipe('image')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<void> {
    await this.gallery.setFavourite(user, id, true);
  }

  @ApiOperation({ summary: 'Make a picture an ordinary one again' })
  @Delete(':image_id/favourite')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'It is no favourite, as it may not have been before.' })
  async removeFavourite(
    @Param('image_id', new IdPipe('image')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<void> {
    await this.gallery.setFavourite(user, id, false);
  }

  @ApiOperation({
    summary: 'Delete a picture',
    description: 'Its task stays, and what it cost is not given back.',
  })
  @Delete(':image_id')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'Nobody can read it any more.' })
  async remove(
    @Param('image_id', new IdPipe('image')) id: string,
    @CurrentUser() user: RequestUser,
    @Req() http: FastifyRequest,
  ): Promise<void> {
    await this.gallery.delete(user, id, http.id);
  }
}
