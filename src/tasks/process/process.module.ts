import { Module } from '@nestjs/common';
import { WorkerProcess } from './worker-process.js';

/** The identity of this process. */
@Module({ providers: [WorkerProcess], exports: [WorkerProcess] })
export class ProcessModule {}
