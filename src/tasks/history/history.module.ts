import { Module } from '@nestjs/common';
import { TaskHistory } from './task-history.js';

/** What has happened to tasks. */
@Module({ providers: [TaskHistory], exports: [TaskHistory] })
export class HistoryModule {}
