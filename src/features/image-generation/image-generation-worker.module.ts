import { Module } from '@nestjs/common';
import { TaskWorkersModule } from '../../tasks/tasks.module.js';
import { CreditLedgerModule } from '../credits/credit-ledger.module.js';
import { ImageStoreModule } from '../images/image-store.module.js';
import { EngineGate } from './engine-gate.js';
import { EnginesModule } from './engines.module.js';
import { ImageGenerationProcessor } from './image-generation.processor.js';

@Module({
  imports: [CreditLedgerModule, EnginesModule, ImageStoreModule, TaskWorkersModule],
  providers: [ImageGenerationProcessor, EngineGate],
})
export class ImageGenerationWorkerModule {}
