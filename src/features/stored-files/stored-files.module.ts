import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { Spool } from './spool.js';
import { StoredFiles } from './stored-files.js';

/** For whoever makes files, and whoever looks at the spool. */
@Module({ imports: [TasksModule], providers: [StoredFiles, Spool], exports: [StoredFiles, Spool] })
export class StoredFilesModule {}
