import { AccountsWorkerModule } from './features/accounts/accounts-worker.module.js';
import { oldEmailLinks, oldLogins, oldPasswordRequests } from './features/accounts/old-accounts.js';
import { oldSessions } from './features/auth/old-sessions.js';
import { CalculateWorkerModule } from './features/calculate/calculate-worker.module.js';
import { ChatHistoryWorkerModule } from './features/chat-history/chat-history-worker.module.js';
import { oldChatMessages, oldChats, oldDeletedChats } from './features/chat-history/old-chats.js';
import { CreditsWorkerModule } from './features/credits/credits-worker.module.js';
import { oldMails } from './features/email/old-mails.js';
import { EffectsWorkerModule } from './features/effects/effects-worker.module.js';
import { EmailWorkerModule } from './features/email/email-worker.module.js';
import { ImageGenerationWorkerModule } from './features/image-generation/image-generation-worker.module.js';
import { generateImageTask } from './features/image-generation/image-generation.tasks.js';
import { oldGenerations, oldIdempotencyKeys } from './features/image-generation/old-generations.js';
import { ImagesWorkerModule } from './features/images/images-worker.module.js';
import { EventSearchWorkerModule } from './features/event-search/event-search-worker.module.js';
import { oldEvents } from './features/events/old-events.js';
import { PipelinesWorkerModule } from './features/pipelines/pipelines-worker.module.js';
import { oldFiles } from './features/stored-files/old-files.js';
import { oldWebhookDeliveries, oldWebhookPauses } from './features/webhooks/old-deliveries.js';
import { WebhooksWorkerModule } from './features/webhooks/webhooks-worker.module.js';
import { MaintenanceWorkerModule } from './features/maintenance/maintenance-worker.module.js';
import { MetricsWorkerModule } from './features/metrics/metrics-worker.module.js';
import { TracingWorkerModule } from './features/tracing/tracing-worker.module.js';
import { pipelineModules } from './pipelines.js';

/** What runs tasks. */
export const workerFeatures = [
  ImageGenerationWorkerModule,
  ImagesWorkerModule,
  CalculateWorkerModule,
  ChatHistoryWorkerModule,
  CreditsWorkerModule,
  EmailWorkerModule,
  EffectsWorkerModule,
  AccountsWorkerModule,
  WebhooksWorkerModule,
  PipelinesWorkerModule,
  ...pipelineModules,
  EventSearchWorkerModule,
  MetricsWorkerModule,
  TracingWorkerModule,
  MaintenanceWorkerModule.with({
    oldRows: [
      oldSessions,
      oldLogins,
      oldEmailLinks,
      oldPasswordRequests,
      oldMails,
      oldGenerations,
      oldIdempotencyKeys,
      oldWebhookDeliveries,
      oldWebhookPauses,
      oldChatMessages,
      oldChats,
      oldDeletedChats,
      oldFiles,
      oldEvents,
    ],
    kept: [generateImageTask],
  }),
];
