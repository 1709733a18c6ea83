import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { ImageStoreModule } from '../images/image-store.module.js';
import { ImagesModule } from '../images/images.module.js';
import { GallerySearch } from './gallery-search.js';
import { GalleryController } from './gallery.controller.js';
import { GalleryService } from './gallery.service.js';
import { ImageArchive } from './image-archive.js';

@Module({
  imports: [AuditModule, ImageStoreModule, ImagesModule],
  controllers: [GalleryController],
  providers: [GallerySearch, GalleryService, ImageArchive],
})
export class GalleryModule {}
