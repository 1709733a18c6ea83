import { Module } from '@nestjs/common';
import { TracingModule } from '../../infrastructure/tracing/tracing.module.js';
import { TasksModule } from '../../tasks/tasks.module.js';
import { PatientStorage } from '../storage/patient-storage.js';
import { StorageModule } from '../storage/storage.module.js';
import { StoredFilesModule } from '../stored-files/stored-files.module.js';
import { CollectProcessor } from './collect.processor.js';
import { ImageStoreModule } from './image-store.module.js';
import { LostUploads } from './lost-uploads.js';
import { ObjectCollector } from './object-collector.js';
import { OldPictures } from './old-pictures.js';
import { RemovalProcessor } from './removal.processor.js';
import { UploadProcessor } from './upload.processor.js';

@Module({
  imports: [TasksModule, ImageStoreModule, StoredFilesModule, StorageModule, TracingModule],
  providers: [
    UploadProcessor,
    PatientStorage,
    CollectProcessor,
    ObjectCollector,
    LostUploads,
    RemovalProcessor,
    OldPictures,
  ],
})
export class ImagesWorkerModule {}
