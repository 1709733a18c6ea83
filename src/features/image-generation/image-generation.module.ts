import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { CreditLedgerModule } from '../credits/credit-ledger.module.js';
import { TaskStatusModule } from '../task-status/task-status.module.js';
import { WebhookEventsModule } from '../webhooks/webhook-events.module.js';
import { EnginesModule } from './engines.module.js';
import { GenerationIntake } from './generation-intake.js';
import { GenerationStore } from './generation-store.js';
import { ImageGenerationController } from './image-generation.controller.js';
import { ImageGenerationService } from './image-generation.service.js';

@Module({
  imports: [CreditLedgerModule, EnginesModule, TasksModule, TaskStatusModule, WebhookEventsModule],
  controllers: [ImageGenerationController],
  providers: [ImageGenerationService, GenerationIntake, GenerationStore],
})
export class ImageGenerationModule {}
