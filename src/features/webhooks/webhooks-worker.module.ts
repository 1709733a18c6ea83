import { Module } from '@nestjs/common';
import { SecretModule } from '../../infrastructure/secret/secret.module.js';
import { TasksModule } from '../../tasks/tasks.module.js';
import { DeliveryOutcomes } from './delivery-outcomes.js';
import { DueDeliveries } from './due-deliveries.js';
import { WebhookClient } from './webhook-client.js';
import { WebhookDns } from './webhook-dns.js';
import { WebhookEventsModule } from './webhook-events.module.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { WebhooksProcessor } from './webhooks.processor.js';

@Module({
  imports: [TasksModule, SecretModule, WebhookEventsModule],
  providers: [
    WebhooksProcessor,
    DueDeliveries,
    DeliveryOutcomes,
    WebhookSecrets,
    WebhookClient,
    { provide: WebhookDns, useFactory: () => new WebhookDns() },
  ],
})
export class WebhooksWorkerModule {}
