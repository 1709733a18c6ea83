import { Module } from '@nestjs/common';
import { EventStoreModule } from '../pipelines/event-store.module.js';
import { LifecycleEvents } from './lifecycle-events.js';

/** For what makes or changes users. */
@Module({ imports: [EventStoreModule], providers: [LifecycleEvents], exports: [LifecycleEvents] })
export class LifecycleEventsModule {}
