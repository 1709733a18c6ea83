import { NestFactory } from '@nestjs/core';
import { Module } from '@nestjs/common';
import { ConfigModule } from '../../src/config/config.module.js';
import { DatabaseModule } from '../../src/infrastructure/database/database.module.js';
import { createLogger } from '../../src/infrastructure/http/logger.js';
import { HandlesTask } from '../../src/tasks/task-handler.decorator.js';
import { TaskEntity } from '../../src/tasks/task.entity.js';
import { TaskWorkersModule } from '../../src/tasks/tasks.module.js';
import { TaskWorkers } from '../../src/tasks/workers/task-workers.js';
import { noOpTask } from './no-op.tasks.js';
import { settingsIn } from './settings.js';

/** A worker process as in production, whose one handler does nothing. */
class NoOpProcessor {
  @HandlesTask(noOpTask)
  async nothing(): Promise<null> {
    return null;
  }
}

const settings = settingsIn(process.env);

@Module({
  imports: [ConfigModule.with(settings), DatabaseModule.with([TaskEntity]), TaskWorkersModule],
  providers: [NoOpProcessor],
})
class NoOpModule {}

const logger = createLogger(settings);
const app = await NestFactory.createApplicationContext(NoOpModule, { logger });
app.get(TaskWorkers).start([noOpTask.queue]);
