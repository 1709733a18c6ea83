import { Module } from '@nestjs/common';
import { CreditLedgerModule } from '../credits/credit-ledger.module.js';
import { TaskStatusModule } from '../task-status/task-status.module.js';
import { WebhookEventsModule } from '../webhooks/webhook-events.module.js';
import { GenerationIntake } from './generation-intake.js';
import { GenerationStoreModule } from './generation-store.module.js';
import { ImageGenerationController } from './image-generation.controller.js';
import { ImageGenerationService } from './image-generation.service.js';

@Module({
  imports: [CreditLedgerModule, GenerationStoreModule, TaskStatusModule, WebhookEventsModule],
  controllers: [ImageGenerationController],
  providers: [ImageGenerationService, GenerationIntake],
})
export class ImageGenerationModule {}
