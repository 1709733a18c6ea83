import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { ImageRemoval } from './image-removal.js';
import { ImageStore } from './image-store.js';
import { UploadedPictures } from './uploaded-pictures.js';

@Module({
  imports: [TasksModule],
  providers: [ImageStore, ImageRemoval, UploadedPictures],
  exports: [ImageStore, ImageRemoval],
})
export class ImageStoreModule {}
