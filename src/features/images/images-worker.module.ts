import { Module } from '@nestjs/common';
import { StorageModule } from '../storage/storage.module.js';
import { ImageStoreModule } from './image-store.module.js';
import { UploadProcessor } from './upload.processor.js';

@Module({ imports: [ImageStoreModule, StorageModule], providers: [UploadProcessor] })
export class ImagesWorkerModule {}
