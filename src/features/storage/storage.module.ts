import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { DiskObjectStorage } from './disk-object-storage.js';
import { ObjectStorage } from './object-storage.js';
import { S3ObjectStorage } from './s3-object-storage.js';

@Module({
  providers: [
    {
      provide: ObjectStorage,
      inject: [SETTINGS],
      useFactory: ({ s3, dataDir }: Settings) =>
        s3 ? new S3ObjectStorage(s3) : new DiskObjectStorage(join(dataDir, 'objects')),
    },
  ],
  exports: [ObjectStorage],
})
export class StorageModule {}
