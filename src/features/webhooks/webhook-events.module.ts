import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { NewDeliveries } from './new-deliveries.js';
import { WebhookEvents } from './webhook-events.js';
import { WebhookUrls } from './webhook-urls.js';

/** For what announces events. */
@Module({
  imports: [TasksModule],
  providers: [WebhookEvents, NewDeliveries, WebhookUrls],
  exports: [WebhookEvents, NewDeliveries, WebhookUrls],
})
export class WebhookEventsModule {}
