import { Module } from '@nestjs/common';
import { SecretModule } from '../../infrastructure/secret/secret.module.js';
import { TasksModule } from '../../tasks/tasks.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { DeliveriesController } from './deliveries.controller.js';
import { Deliveries } from './deliveries.js';
import { DeliveriesService } from './deliveries.service.js';
import { WebhookEndpoints } from './webhook-endpoints.js';
import { WebhookEventsModule } from './webhook-events.module.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { WebhooksController } from './webhooks.controller.js';
import { WebhooksService } from './webhooks.service.js';

@Module({
  imports: [AuditModule, SecretModule, TasksModule, WebhookEventsModule],
  controllers: [DeliveriesController, WebhooksController],
  providers: [WebhooksService, WebhookEndpoints, WebhookSecrets, DeliveriesService, Deliveries],
})
export class WebhooksModule {}
