import { Module } from '@nestjs/common';
import { TasksModule, TaskWorkersModule } from '../../tasks/tasks.module.js';
import { ImagesModule } from '../images/images.module.js';
import { TaskStatusModule } from '../task-status/task-status.module.js';
import { EngineGate } from './engine-gate.js';
import { EnginesModule } from './engines.module.js';
import { ImageGenerationController } from './image-generation.controller.js';
import { ImageGenerationProcessor } from './image-generation.processor.js';
import { ImageGenerationService } from './image-generation.service.js';

@Module({
  imports: [EnginesModule, TasksModule, TaskStatusModule],
  controllers: [ImageGenerationController],
  providers: [ImageGenerationService],
})
export class ImageGenerationModule {}

@Module({
  imports: [EnginesModule, ImagesModule, TaskWorkersModule],
  providers: [ImageGenerationProcessor, EngineGate],
})
export class ImageGenerationWorkerModule {}
