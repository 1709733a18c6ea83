import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { ImageStore } from './image-store.js';

@Module({ imports: [TasksModule], providers: [ImageStore], exports: [ImageStore] })
export class ImageStoreModule {}
