import { Module } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { TasksModule, TaskWorkersModule } from '../../tasks/tasks.module.js';
import { ImagesModule } from '../images/images.module.js';
import { TaskStatusModule } from '../task-status/task-status.module.js';
import { EngineGate } from './engine-gate.js';
import { EnginePool } from './engine-pool.js';
import { A1111Engine } from './engines/a1111-engine.js';
import { ImageGenerationController } from './image-generation.controller.js';
import { ImageGenerationProcessor } from './image-generation.processor.js';
import { ImageGenerationService } from './image-generation.service.js';

@Module({
  imports: [TasksModule, TaskStatusModule],
  controllers: [ImageGenerationController],
  providers: [ImageGenerationService],
})
export class ImageGenerationModule {}

@Module({
  imports: [ImagesModule, TaskWorkersModule],
  providers: [
    ImageGenerationProcessor,
    EngineGate,
    {
      provide: EnginePool,
      inject: [SETTINGS],
      useFactory: (settings: Settings) =>
        new EnginePool(
          settings.engineUrls.map((url) => new A1111Engine(url, settings.engineRequestsInFlight)),
        ),
    },
  ],
})
export class ImageGenerationWorkerModule {}
