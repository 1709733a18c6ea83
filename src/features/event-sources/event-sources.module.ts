import { Module } from '@nestjs/common';
import { SecretModule } from '../../infrastructure/secret/secret.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { EventsModule } from '../events/events.module.js';
import { WebhookSecrets } from '../webhooks/webhook-secrets.js';
import { EventSourceRows } from './event-source-rows.js';
import { EventSourcesController } from './event-sources.controller.js';
import { EventSourcesService } from './event-sources.service.js';

@Module({
  imports: [AuditModule, SecretModule, EventsModule],
  controllers: [EventSourcesController],
  providers: [EventSourcesService, EventSourceRows, WebhookSecrets],
})
export class EventSourcesModule {}
