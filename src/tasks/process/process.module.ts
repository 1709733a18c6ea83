import { Module } from '@nestjs/common';
import { ProcessNews } from './process-news.js';
import { WorkerProcess } from './worker-process.js';

const services = [WorkerProcess, ProcessNews];

/** The identity of this process, and its news. */
@Module({ providers: services, exports: services })
export class ProcessModule {}
