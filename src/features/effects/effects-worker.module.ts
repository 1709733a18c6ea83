import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { CreditLedgerModule } from '../credits/credit-ledger.module.js';
import { MailOutboxModule } from '../email/mail-outbox.module.js';
import { LifecycleEventsModule } from '../user-lifecycle/lifecycle-events.module.js';
import { WebhookEventsModule } from '../webhooks/webhook-events.module.js';
import { EffectsProcessor } from './effects.processor.js';
import { GenerationEffects } from './generation-effects.js';
import { GenerationNews } from './generation-news.js';

@Module({
  imports: [
    TasksModule,
    CreditLedgerModule,
    LifecycleEventsModule,
    MailOutboxModule,
    WebhookEventsModule,
  ],
  providers: [EffectsProcessor, GenerationEffects, GenerationNews],
})
export class EffectsWorkerModule {}
