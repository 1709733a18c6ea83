import { NestFactory } from '@nestjs/core';
import { createLogger } from '../../src/infrastructure/http/logger.js';
import { TaskWorkers } from '../../src/tasks/task-workers.js';
import { labModule } from './lab.module.js';
import { noOpTask } from './lab.tasks.js';
import { settingsIn } from './settings.js';

const settings = settingsIn(process.env);
const logger = createLogger(settings);
const app = await NestFactory.createApplicationContext(labModule(settings), { logger });
app.get(TaskWorkers).start([noOpTask.queue]);
