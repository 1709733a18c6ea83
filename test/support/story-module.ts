import { Module } from '@nestjs/common';
import { TasksModule } from '../../src/tasks/tasks.module.js';
import { storyNodes } from './story-pipeline.js';

/** The nodes of the pipeline for tests, for a whole Darkroom: add it to `workerFeatures` before that starts. */
@Module({ imports: [TasksModule], providers: storyNodes })
export class StoryModule {}
