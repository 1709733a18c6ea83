import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { ConfigModule } from '../../src/config/config.module.js';
import { DatabaseModule } from '../../src/infrastructure/database/database.module.js';
import { WorkerControl } from '../../src/tasks/control/worker-control.js';
import { Schedules } from '../../src/tasks/schedules/schedules.js';
import { TaskClient } from '../../src/tasks/sending/task-client.js';
import { TaskHints } from '../../src/tasks/hints/task-hints.js';
import { TaskEntity } from '../../src/tasks/ledger/task.entity.js';
import { TasksModule } from '../../src/tasks/tasks.module.js';
import type { Site } from '../support/site.js';
import { noOpTask } from './lab.tasks.js';
import { settingsIn } from './settings.js';

const atOnce = 100;

/** A service that sends tasks and asks about them, and runs none. */
export interface Client {
  database: DataSource;
  tasks: TaskClient;
  schedules: Schedules;
  workers: WorkerControl;
  hints: TaskHints;
  /** `count` no-op tasks, a hundred at once. */
  send(count: number): Promise<void>;
  sendOne(n: number): Promise<void>;
  close(): Promise<void>;
}

export async function openClient({ env }: Pick<Site, 'env'>): Promise<Client> {
  const settings = settingsIn(env);

  @Module({
    imports: [ConfigModule.with(settings), DatabaseModule.with([TaskEntity]), TasksModule],
  })
  class ClientModule {}

  const app = await NestFactory.createApplicationContext(ClientModule, { logger: ['error'] });
  const database = app.get(DataSource);
  const tasks = app.get(TaskClient);
  const sendOne = async (n: number) => {
    await tasks.send(database.manager, noOpTask, { n });
  };
  return {
    database,
    tasks,
    schedules: app.get(Schedules),
    workers: app.get(WorkerControl),
    hints: app.get(TaskHints),
    sendOne,
    send: async (count) => {
      for (let sent = 0; sent < count; sent += atOnce) {
        const size = Math.min(atOnce, count - sent);
        await Promise.all(Array.from({ length: size }, (_, i) => sendOne(sent + i)));
      }
    },
    close: () => app.close(),
  };
}
