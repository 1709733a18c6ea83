import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { DiskObjectStorage } from './disk-object-storage.js';
import { ObjectStorage } from './object-storage.js';

export async function openStorage({
  s3,
  dataDir,
}: Pick<Settings, 's3' | 'dataDir'>): Promise<ObjectStorage> {
  if (!s3) return new DiskObjectStorage(join(dataDir, 'objects'));
  // The SDK is large; a process that does not need it starts without.
  const { S3ObjectStorage } = await import('./s3-object-storage.js');
  return new S3ObjectStorage(s3);
}

@Module({
  providers: [{ provide: ObjectStorage, inject: [SETTINGS], useFactory: openStorage }],
  exports: [ObjectStorage],
})
export class StorageModule {}
