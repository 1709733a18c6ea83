import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { StorageModule } from '../storage/storage.module.js';
import { ImageStore } from './image-store.js';
import { ImagesController } from './images.controller.js';
import { ImagesService } from './images.service.js';
import { UploadProcessor } from './upload.processor.js';

@Module({ imports: [TasksModule], providers: [ImageStore], exports: [ImageStore] })
export class ImagesModule {}

@Module({
  imports: [ImagesModule, StorageModule],
  controllers: [ImagesController],
  providers: [ImagesService],
})
export class ImagesApiModule {}

@Module({ imports: [ImagesModule, StorageModule], providers: [UploadProcessor] })
export class ImagesWorkerModule {}
