import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { EventIntake } from './event-intake.js';
import { EventReader } from './event-reader.js';
import { EventStore } from './event-store.js';
import { EventsController } from './events.controller.js';
import { EventsService } from './events.service.js';
import { OpenEvents } from './open-events.js';
import { PipelinesController } from './pipelines.controller.js';
import { Reprocessing } from './reprocessing.js';

@Module({
  imports: [TasksModule, AuditModule],
  controllers: [EventsController, PipelinesController],
  providers: [EventsService, EventIntake, EventStore, EventReader, Reprocessing, OpenEvents],
  exports: [EventIntake],
})
export class EventsModule {}
