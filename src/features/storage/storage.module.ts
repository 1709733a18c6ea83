import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { DiskObjectStorage } from './disk-object-storage.js';
import { ObjectStorage } from './object-storage.js';

@Module({
  providers: [
    {
      provide: ObjectStorage,
      inject: [SETTINGS],
      useFactory: (settings: Settings) => new DiskObjectStorage(join(settings.dataDir, 'objects')),
    },
  ],
  exports: [ObjectStorage],
})
export class StorageModule {}
