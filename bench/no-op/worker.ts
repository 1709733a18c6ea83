import { NestFactory } from '@nestjs/core';
import { createLogger } from '../../src/infrastructure/http/logger.js';
import { TaskWorkers } from '../../src/tasks/workers/task-workers.js';
import { noOpModule } from './no-op.module.js';
import { noOpTask } from './no-op.tasks.js';
import { settingsIn } from './settings.js';

const settings = settingsIn(process.env);
const logger = createLogger(settings);
const app = await NestFactory.createApplicationContext(noOpModule(settings), { logger });
app.get(TaskWorkers).start([noOpTask.queue]);
