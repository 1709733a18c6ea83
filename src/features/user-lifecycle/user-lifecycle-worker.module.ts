import { Module } from '@nestjs/common';
import { MailOutboxModule } from '../email/mail-outbox.module.js';
import { WebhookEventsModule } from '../webhooks/webhook-events.module.js';
import {
  ConfirmationMailNode,
  CreditsLowMailNode,
  CreditsLowWebhookNode,
  KindRouter,
  WelcomeMailNode,
} from './lifecycle.nodes.js';
import './user-lifecycle.pipeline.js';

/** Runs the nodes of `user_lifecycle`. */
@Module({
  imports: [MailOutboxModule, WebhookEventsModule],
  providers: [
    KindRouter,
    ConfirmationMailNode,
    WelcomeMailNode,
    CreditsLowMailNode,
    CreditsLowWebhookNode,
  ],
})
export class UserLifecycleWorkerModule {}
