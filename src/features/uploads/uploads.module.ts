import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { TasksModule } from '../../tasks/tasks.module.js';
import { StorageModule } from '../storage/storage.module.js';
import { FileContents } from '../stored-files/file-contents.js';
import { StoredFilesModule } from '../stored-files/stored-files.module.js';
import { FilesController } from './files.controller.js';
import { OwnFilesService } from './own-files.service.js';
import { StorageController } from './storage.controller.js';
import { StorageStatus } from './storage-status.js';
import { UploadsController } from './uploads.controller.js';
import { UploadsService } from './uploads.service.js';

@Module({
  imports: [AuditModule, StoredFilesModule, StorageModule, TasksModule],
  controllers: [UploadsController, FilesController, StorageController],
  providers: [UploadsService, OwnFilesService, FileContents, StorageStatus],
})
export class UploadsModule {}
