import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { EventStore } from './event-store.js';

/** For what stores events. */
@Module({ imports: [TasksModule], providers: [EventStore], exports: [EventStore] })
export class EventStoreModule {}
