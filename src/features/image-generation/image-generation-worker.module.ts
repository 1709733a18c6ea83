import { Module } from '@nestjs/common';
import { TracingModule } from '../../infrastructure/tracing/tracing.module.js';
import { TaskWorkersModule } from '../../tasks/tasks.module.js';
import { CreditLedgerModule } from '../credits/credit-ledger.module.js';
import { ImageStoreModule } from '../images/image-store.module.js';
import { StoredFilesModule } from '../stored-files/stored-files.module.js';
import { EngineGate } from './engine-gate.js';
import { EnginesModule } from './engines.module.js';
import { ImageGenerationProcessor } from './image-generation.processor.js';
import { SpoolGate } from './spool-gate.js';

@Module({
  imports: [
    CreditLedgerModule,
    EnginesModule,
    ImageStoreModule,
    StoredFilesModule,
    TaskWorkersModule,
    TracingModule,
  ],
  providers: [ImageGenerationProcessor, EngineGate, SpoolGate],
})
export class ImageGenerationWorkerModule {}
