import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { EventStoreModule } from '../pipelines/event-store.module.js';
import { EventIntake } from './event-intake.js';
import { EventReader } from './event-reader.js';
import { EventsController } from './events.controller.js';
import { EventsService } from './events.service.js';
import { IncomingEventsController } from './incoming-events.controller.js';
import { OpenEvents } from './open-events.js';
import { PipelinesController } from './pipelines.controller.js';
import { Reprocessing } from './reprocessing.js';

@Module({
  imports: [EventStoreModule, AuditModule],
  controllers: [IncomingEventsController, EventsController, PipelinesController],
  providers: [EventsService, EventIntake, EventReader, Reprocessing, OpenEvents],
  exports: [EventIntake],
})
export class EventsModule {}
