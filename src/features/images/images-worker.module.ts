import { Module } from '@nestjs/common';
import { StorageModule } from '../storage/storage.module.js';
import { ImageStoreModule } from './image-store.module.js';
import { CollectProcessor } from './collect.processor.js';
import { ObjectCollector } from './object-collector.js';
import { OldPictures } from './old-pictures.js';
import { RemovalProcessor } from './removal.processor.js';
import { UploadProcessor } from './upload.processor.js';

@Module({
  imports: [ImageStoreModule, StorageModule],
  providers: [UploadProcessor, CollectProcessor, ObjectCollector, RemovalProcessor, OldPictures],
})
export class ImagesWorkerModule {}
