import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { ImageRemoval } from './image-removal.js';
import { ImageStore } from './image-store.js';

@Module({
  imports: [TasksModule],
  providers: [ImageStore, ImageRemoval],
  exports: [ImageStore, ImageRemoval],
})
export class ImageStoreModule {}
