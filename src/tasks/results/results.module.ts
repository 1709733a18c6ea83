import { Module } from '@nestjs/common';
import { EndingModule } from '../ending/ending.module.js';
import { EventsModule } from '../events/events.module.js';
import { TaskResults } from './task-results.js';

/** Reads the results of tasks. */
@Module({ imports: [EventsModule, EndingModule], providers: [TaskResults], exports: [TaskResults] })
export class ResultsModule {}
