import { Module } from '@nestjs/common';
import { QueueModule } from '../../infrastructure/queue/queue.module.js';
import { SendingModule } from '../sending/sending.module.js';
import { DeclaredSchedules } from './declared-schedules.js';
import { ScheduleNews } from './schedule-news.js';
import { ScheduleRuns } from './schedule-runs.js';
import { ScheduleTicker } from './schedule-ticker.js';
import { Schedules } from './schedules.js';

const services = [Schedules, ScheduleRuns, ScheduleNews, DeclaredSchedules, ScheduleTicker];

/** Schedules. Nothing is sent before a worker starts the ticker. */
@Module({ imports: [QueueModule, SendingModule], providers: services, exports: services })
export class SchedulesModule {}
